/** Everything that the core tells while it works. It only notifies; what is shown, and how, is decided by the renderers. */

export type ProgressEvent =
  /** A new version is being started. */
  | { type: 'tasks-waiting' }
  | { type: 'tasks-starting'; running: number; desired: number }
  | { type: 'tasks-started' }
  /** A version that runs already gets more tasks, or fewer. */
  | { type: 'tasks-scaling'; version: string; from: number; to: number }
  /** Right before the first listener rule is written. */
  | { type: 'route-updating' }
  /** AWS confirmed the weights: percent of the traffic that the new version has now. */
  | { type: 'route-updated'; percent: number }
  /** Rules whose weights were really changed, by what an operator knows them by, with percent of the canary. */
  | { type: 'rules-modified'; changes: readonly { rule: string; before: number; after: number }[] }
  /** What share of the traffic really flowed, and how the canary answered it. */
  | { type: 'flow'; text: string }
  /** The old version has no traffic any more and may go. */
  | { type: 'old-replaced'; service: string; version: string }
  | { type: 'warning'; text: string }
  /** A warning about how things stand: each step of a command meets it again, and it is shown once. */
  | { type: 'hazard'; text: string }
  /** A wait that may take long: shown as a spinner where there is a terminal, otherwise once. */
  | { type: 'waiting'; text: string }
  /** A wait that was asked for: shown where there is a terminal, and of no interest to a log. */
  | { type: 'pause'; text: string }
  /** AWS has been throttling a call for some seconds, and it is repeated: told once until that is over. */
  | { type: 'throttled'; action: string }
  /** A resource of a stack changed its state. */
  | { type: 'resource'; stack: string; resource: string; kind: string; status: string; reason: string | undefined }
  /** A line of a program that builds an image. */
  | { type: 'output'; line: string }
  /** Bytes of an image that were sent; `total` of all that has to be sent. */
  | { type: 'upload'; sent: number; total: number };

/** Takes an event; it never throws and never blocks. */
export type Progress = (event: ProgressEvent) => void;
