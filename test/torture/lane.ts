/** One world to torture: a sandbox, the folder of an app, states that it can be put back to, and the program to run on it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { concernsUsers, judge, type LogEntry, pairOf, pairRules, type RunFacts } from './checker.ts';
import { type Call, openTap, type Order, type Tap } from './tap.ts';
import { CLUSTER, look, REGION, shareOf, type View } from './view.ts';

/** AWS's time runs so many times faster. */
const SPEED = 40;
/** Tasks of a version. */
export const TASKS = 2;
/** ms until a new version's tasks answer after they were started: whoever gives them weight before is found out. */
const WARM_UP = 1_500;
/** The version that runs from the beginning is at once there, so that a state is soon at rest. */
export const OLD = '0.9';
/** ms that a command may take; what hangs is a finding. */
const LONGEST_RUN = 150_000;

export interface RunOptions {
  readonly order?: Order;
  /** The version that the app's folder holds. */
  readonly version?: string;
  /** Variables beside those of `.env`. */
  readonly env?: Readonly<Record<string, string>>;
  /** A machine of its own, as far as the program can tell: a process namespace in which no other run is to be seen. */
  readonly elsewhere?: boolean;
  /** Whether another run is at work at the same time. */
  readonly alone?: boolean;
}

export interface Ended {
  readonly args: readonly string[];
  /** Null for a program that was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
  /** The call that the order was about, where the run came to it. */
  readonly hit: Call | undefined;
  /** What the checker found. */
  readonly violations: readonly string[];
}

export interface Lane {
  readonly sandbox: Sandbox;
  /** Of the public load balancer. */
  readonly port: number;
  /** Runs the built program in a fresh copy of the app's folder, with a fresh home. */
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** The same beside another run of the lane. `onCall` hears of each call as it comes. */
  runBeside(args: readonly string[], options: RunOptions, onCall: (number: number) => void): Promise<Ended>;
  /** Target groups that have been seen with all of the traffic since the state was put back. */
  readonly owners: Set<string>;
  /** Process numbers of the runs that were killed since then. */
  readonly killed: Set<number>;
  /** Keeps what there is under a name. */
  save(name: string): Promise<void>;
  /** @param within ms that it was kept for at most. */
  has(name: string, within?: number): boolean;
  restore(name: string): Promise<void>;
  end(): Promise<void>;
}

/** Process namespaces need Linux, and rights that a CI job may not have. */
export function canBeElsewhere(): boolean {
  return spawnSync(ELSEWHERE[0], [...ELSEWHERE.slice(1), 'true']).status === 0;
}

/** What runs in it sees no process but its own, as on another machine. */
const ELSEWHERE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;

export async function openLane(root: string): Promise<Lane> {
  const folder = await mkdtemp(join(tmpdir(), 'torture-'));
  const [dir, kept, app] = [join(folder, 'sandbox'), join(folder, 'states'), join(folder, 'app')];
  const saved = new Map<string, number>();
  const owners = new Set<string>();
  const killed = new Set<number>();
  const running = new Set<ChildProcess>();
  const ports = [await freePort(), await freePort()] as const;
  const port = await freePort();
  let sandbox = await startSandbox({ dir, port, speed: SPEED });
  const taps = [await openTap(port), await openTap(port)] as const;
  let turn: Promise<unknown> = Promise.resolve();
  let copies = 0;

  await cp(join(root, 'test', 'torture', 'app'), app, { recursive: true });
  await writeFile(join(app, '.env'), settingsText(ports));

  /** One write after the other, so that what is seen before and after a write is its own doing. */
  function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = turn.then(action, action);
    turn = done.catch(() => undefined);
    return done;
  }

  async function run(tap: Tap, args: readonly string[], options: RunOptions, onCall?: (number: number) => void): Promise<Ended> {
    const { order, version = '1.0', env = {}, elsewhere = false, alone = true } = options;
    copies += 1;
    const [home, cwd] = [join(folder, `home-${copies}`), join(folder, `app-${copies}`)];
    await Promise.all([mkdir(home), cp(app, cwd, { recursive: true })]);
    await writeFile(join(cwd, 'version.js'), versionText(version));
    const facts: RunFacts = { ...factsOf(args), alone, tasks: TASKS, owners, entries: [], written: new Set() };
    const violations: string[] = [];
    const [program, ...rest] = [...(elsewhere ? ELSEWHERE : []), process.execPath, join(root, 'bin', 'ecs-canary.js'), ...args];
    const child = spawn(program ?? '', rest, {
      cwd,
      env: { PATH: process.env['PATH'], HOME: home, AWS_EC2_METADATA_DISABLED: 'true', AWS_ENDPOINT_URL: tap.url, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is meant for the torture, which lets its runs end.
      detached: true,
    });
    running.add(child);
    const gone = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', (code) => resolve(code)));
    const timer = setTimeout(() => {
      violations.push(`it had not ended after ${LONGEST_RUN / 1_000} s`);
      child.kill('SIGKILL');
    }, LONGEST_RUN);
    tap.begin({
      async kill() {
        child.kill('SIGKILL');
        if (child.pid !== undefined) killed.add(child.pid);
        await gone;
      },
      async around(call, pass) {
        onCall?.(call.number);
        if (!concernsUsers(call.operation)) {
          const status = await pass();
          const value = status === 200 ? entryOf(call) : undefined;
          if (value) facts.entries.push(value);
          return;
        }
        await inTurn(async () => {
          const before = await look(sandbox);
          await pass();
          const after = await look(sandbox);
          violations.push(...judge(call, before, after, facts).map((text) => `call ${call.number}, ${call.operation}: ${text}`));
          noteOwners(after, owners);
        });
      },
    }, order);
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await gone;
    clearTimeout(timer);
    running.delete(child);
    await tap.idle();
    if (/\n\s+at .*[:/]\d+/.test(stderr) || /\n\s+at .*[:/]\d+/.test(stdout)) violations.push('it printed a stack trace');
    await Promise.all([home, cwd].map((path) => rm(path, { recursive: true, force: true })));
    return { args, code, stdout, stderr, calls: tap.calls, hit: tap.hit, violations };
  }

  return {
    get sandbox() {
      return sandbox;
    },
    port: ports[0],
    owners,
    killed,
    run: (args, options = {}) => run(taps[0], args, options),
    runBeside: (args, options, onCall) => run(taps[1], args, { alone: false, ...options }, onCall),
    async save(name) {
      await sandbox.stop();
      await rm(join(kept, name), { recursive: true, force: true });
      await cp(dir, join(kept, name), { recursive: true });
      sandbox = await startSandbox({ dir, port, speed: SPEED });
      saved.set(name, Date.now());
    },
    has: (name, within = Infinity) => Date.now() - (saved.get(name) ?? -Infinity) < within,
    async restore(name) {
      await sandbox.stop();
      await rm(dir, { recursive: true, force: true });
      await cp(join(kept, name), dir, { recursive: true });
      sandbox = await startSandbox({ dir, port, speed: SPEED });
      owners.clear();
      killed.clear();
      noteOwners(await look(sandbox), owners);
    },
    async end() {
      for (const child of running) child.kill('SIGKILL');
      await Promise.all(taps.map((tap) => tap.close()));
      await sandbox.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function factsOf(args: readonly string[]): Pick<RunFacts, 'emergency' | 'infra'> {
  const [command] = args;
  return { emergency: command === 'rollback' || args.join(' ').includes('--canary 0'), infra: command === 'build-infra' || command === 'destroy-infra' };
}

/** The release log's entry that a call makes durable; renewals of one count as the same. */
function entryOf({ operation, body }: Call): LogEntry | undefined {
  if (operation !== 'PutParameter') return undefined;
  const { Name = '', Value = '' }: { Name?: string; Value?: string } = JSON.parse(body);
  return { name: Name, value: Value };
}

function noteOwners(view: View, owners: Set<string>): void {
  const rules = pairRules(view);
  for (const group of pairOf(view)) {
    if (rules.length > 0 && rules.every(({ rule }) => shareOf(rule, group) === 100)) owners.add(group);
  }
}

function versionText(version: string): string {
  return `export const version = '${version}';\nexport const warmUpMs = ${version === OLD ? 0 : WARM_UP};\n`;
}

function settingsText([publicPort, internalPort]: readonly [number, number]): string {
  const settings = {
    PROJECT_NAME: CLUSTER,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCOUNT_ID: '000000000000',
    AWS_ACCESS_KEY_ID: 'torture',
    AWS_SECRET_ACCESS_KEY: 'torture',
    BUILDER: 'pack',
    LISTENER_PORT: publicPort,
    INTERNAL_LISTENER_PORT: internalPort,
    DESIRED_COUNT: TASKS,
        // Nothing about the tasks is to depend on how busy this machine is.
    HEALTH_CHECK_GRACE_PERIOD: 800,
    UNHEALTHY_THRESHOLD: 10,
    DEREGISTRATION_DELAY: 10,
    POLL_INTERVAL: '0.3',
    SETTLE: '300ms',
    HOLD: '300ms',
  };
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join('');
}
