/** Everything that the core tells while it works. It only notifies; what is shown, and how, is decided by the renderers. */

export type ProgressEvent =
  /** A new version is being started. */
  | { type: 'tasks-waiting' }
  | { type: 'tasks-starting'; running: number; desired: number }
  | { type: 'tasks-started' }
  /** Right before the first listener rule is written. */
  | { type: 'route-updating' }
  /** AWS confirmed the weights: percent of the traffic that the new version has now. */
  | { type: 'route-updated'; percent: number }
  | { type: 'rules-modified'; count: number }
  /** The old version has no traffic any more and may go. */
  | { type: 'old-replaced'; service: string; version: string }
  | { type: 'warning'; text: string }
  /** A wait that may take long: shown as a spinner where there is a terminal, otherwise once. */
  | { type: 'waiting'; text: string }
  /** A wait that was asked for: shown where there is a terminal, and of no interest to a log. */
  | { type: 'pause'; text: string }
  /** A resource of a stack changed its state. */
  | { type: 'resource'; stack: string; resource: string; kind: string; status: string; reason: string | undefined }
  /** Bytes of an image that were sent; `total` of all that has to be sent. */
  | { type: 'upload'; sent: number; total: number };

/** Takes an event; it never throws and never blocks. */
export type Progress = (event: ProgressEvent) => void;
