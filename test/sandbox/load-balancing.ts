/** A sandbox with an Elastic Load Balancing client, and small HTTP servers to be its targets. */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http, { type RequestListener, type Server } from 'node:http';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACM } from '@aws-sdk/client-acm';
import {
  type Action,
  type CreateTargetGroupInput,
  ElasticLoadBalancingV2,
  type TargetHealth,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import type { StoredCertificate } from '../../src/sandbox/world/acm-state.ts';
import { CERTIFICATE } from './certificates.ts';

const REGION = 'eu-central-1';
const TARGET_PORT = 8080;

export interface Lab {
  readonly sandbox: Sandbox;
  readonly elb: ElasticLoadBalancingV2;
  readonly acm: ACM;
  /** Base URL of the load balancer that `listener` opens. */
  readonly url: string;
  readonly port: number;
  loadBalancer(): Promise<string>;
  targetGroup(settings?: Partial<CreateTargetGroupInput>): Promise<string>;
  /** A listener on the lab's port. */
  listener(loadBalancerArn: string, defaultActions: Action[]): Promise<string>;
  /** An HTTPS listener on the lab's port, with the lab's certificate. */
  secureListener(loadBalancerArn: string, defaultActions: Action[]): Promise<string>;
  /** Puts a certificate into the account. */
  certificate(certificate: StoredCertificate): Promise<string>;
  /** A listener that listens nowhere, so that any number of them can be made. */
  quietListener(loadBalancerArn: string, defaultActions?: Action[], port?: number): Promise<string>;
  /** Starts a server, gives it a VPC address and registers it. */
  target(targetGroupArn: string, answer: RequestListener, zone?: string): Promise<Target>;
  /** Gives what listens on that port of 127.0.0.1 a VPC address and registers it. */
  place(targetGroupArn: string, hostPort: number, zone?: string): Promise<Place>;
  health(targetGroupArn: string, target?: Place): Promise<TargetHealth | undefined>;
  /** Stops and starts the sandbox on the same folder. */
  restart(meanwhile?: () => Promise<unknown>): Promise<void>;
  end(): Promise<void>;
}

export interface Place {
  readonly Id: string;
  readonly Port: number;
}

export interface Target extends Place {
  readonly server: Server;
}

/** Everything the lab starts ends with `end`. */
export async function openLab(options: Omit<SandboxOptions, 'dir'> = {}): Promise<Lab> {
  const dir = mkdtempSync(join(tmpdir(), 'sandbox-'));
  const port = await freePort();
  const servers: Server[] = [];
  const endpoints = new Map<string, number>();
  let names = 0;
  const start = async () => {
    const sandbox = await startSandbox({ ...options, dir });
    // No task runs: what the network finds behind the targets' addresses is put there.
    const { state } = await sandbox.region(REGION);
    for (const [ip, hostPort] of endpoints) state.ecs.endpoints[ip] = { [TARGET_PORT]: hostPort };
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = { region: REGION, endpoint: sandbox.url, credentials, maxAttempts: 1 };
    return { sandbox, elb: new ElasticLoadBalancingV2(client), acm: new ACM(client) };
  };
  let running = await start();
  const stop = () => {
    running.elb.destroy();
    running.acm.destroy();
    return running.sandbox.stop();
  };
  const certificate = async (stored: StoredCertificate) => {
    const Certificate = Buffer.from(stored.certificate);
    const { CertificateArn } = await running.acm.importCertificate({ Certificate, PrivateKey: Buffer.from(stored.privateKey) });
    return CertificateArn ?? '';
  };
  const place = async (TargetGroupArn: string, hostPort: number, AvailabilityZone?: string) => {
    const at = { Id: `10.0.0.${endpoints.size + 4}`, Port: TARGET_PORT };
    endpoints.set(at.Id, hostPort);
    (await running.sandbox.region(REGION)).state.ecs.endpoints[at.Id] = { [TARGET_PORT]: hostPort };
    await running.elb.registerTargets({ TargetGroupArn, Targets: [{ ...at, AvailabilityZone }] });
    return at;
  };

  return {
    get sandbox() {
      return running.sandbox;
    },
    get elb() {
      return running.elb;
    },
    get acm() {
      return running.acm;
    },
    url: `http://127.0.0.1:${port}`,
    port,

    async loadBalancer() {
      const created = await running.elb.createLoadBalancer({ Name: `lb-${++names}`, Subnets: ['subnet-0a', 'subnet-0b'] });
      return created.LoadBalancers?.[0]?.LoadBalancerArn ?? '';
    },

    async targetGroup(settings = {}) {
      const created = await running.elb.createTargetGroup({
        Name: `tg-${++names}`,
        Protocol: 'HTTP',
        Port: 8080,
        VpcId: 'vpc-0a',
        TargetType: 'ip',
        HealthCheckIntervalSeconds: 5,
        HealthCheckTimeoutSeconds: 2,
        HealthyThresholdCount: 2,
        ...settings,
      });
      return created.TargetGroups?.[0]?.TargetGroupArn ?? '';
    },

    async listener(LoadBalancerArn, DefaultActions) {
      const created = await running.elb.createListener({ LoadBalancerArn, Protocol: 'HTTP', Port: port, DefaultActions });
      return created.Listeners?.[0]?.ListenerArn ?? '';
    },

    async quietListener(LoadBalancerArn, DefaultActions = [FIXED], Port = 443) {
      const Certificates = [{ CertificateArn: 'arn:aws:acm:eu-central-1:000000000000:certificate/1' }];
      const created = await running.elb.createListener({ LoadBalancerArn, Protocol: 'HTTPS', Port, Certificates, DefaultActions });
      return created.Listeners?.[0]?.ListenerArn ?? '';
    },

    async target(TargetGroupArn, answer, AvailabilityZone) {
      const server = http.createServer({ keepAliveTimeout: 65_000 }, answer);
      servers.push(server);
      return { ...(await place(TargetGroupArn, await listen(server), AvailabilityZone)), server };
    },

    place,
    certificate,

    async secureListener(LoadBalancerArn, DefaultActions) {
      const Certificates = [{ CertificateArn: await certificate(CERTIFICATE) }];
      const created = await running.elb.createListener({ LoadBalancerArn, Protocol: 'HTTPS', Port: port, Certificates, DefaultActions });
      return created.Listeners?.[0]?.ListenerArn ?? '';
    },

    async health(TargetGroupArn, target) {
      const Targets = target && [{ Id: target.Id, Port: target.Port }];
      const { TargetHealthDescriptions } = await running.elb.describeTargetHealth({ TargetGroupArn, Targets });
      return TargetHealthDescriptions?.[0]?.TargetHealth;
    },

    async restart(meanwhile: () => Promise<unknown> = () => Promise.resolve()) {
      await stop();
      await meanwhile();
      running = await start();
    },

    async end() {
      await stop();
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      rmSync(dir, { recursive: true });
    },
  };
}

/** An action that needs no target group. */
export const FIXED: Action = { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '503' } };

/** A forward action with weights. */
export function forward(...groups: [arn: string, weight: number][]): Action {
  return { Type: 'forward', ForwardConfig: { TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) } };
}

export const HEALTHY = { State: 'healthy' } as const;

/** One target group behind the lab's listener, with a healthy target for each of `answers`, which see no health checks. */
export async function groupOf(lab: Lab, ...answers: RequestListener[]) {
  const group = await lab.targetGroup();
  const listener = await lab.listener(await lab.loadBalancer(), [forward([group, 1])]);
  const targets: Target[] = [];
  for (const answer of answers) targets.push(await lab.target(group, besidesChecks(answer)));
  for (const target of targets) await eventually(() => lab.health(group, target), HEALTHY);
  return { group, listener, targets };
}

/** Two target groups behind the lab's listener with one healthy target each, which answers its group's colour. */
export async function blueAndGreen(lab: Lab, blueWeight: number, greenWeight: number) {
  const blue = await lab.targetGroup();
  const green = await lab.targetGroup();
  const listener = await lab.listener(await lab.loadBalancer(), [forward([blue, blueWeight], [green, greenWeight])]);
  await lab.target(blue, says('blue'));
  await lab.target(green, says('green'));
  for (const group of [blue, green]) await eventually(() => lab.health(group), HEALTHY);
  return { blue, green, listener };
}

function besidesChecks(answer: RequestListener): RequestListener {
  return (request, response) => {
    if (isCheck(request)) response.end();
    else answer(request, response);
  };
}

/** Whether a request is a health check. */
export function isCheck({ headers }: http.IncomingMessage): boolean {
  return headers['user-agent'] === 'ELB-HealthChecker/2.0';
}

/** A server that answers its name. */
export function says(name: string): RequestListener {
  return (_request, response) => response.end(name);
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** One HTTP request. Rejects when the connection breaks. */
export function ask(url: string, options: http.RequestOptions & { body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on('error', reject);
    });
    request.on('error', reject).end(options.body);
  });
}

/** How often each answer (its body, or its status when it is not 200) came in `count` requests, `width` at a time. */
export async function tally(url: string, count: number, width = 8): Promise<Record<string, number>> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: width });
  const seen: Record<string, number> = {};
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const { status, body } = await ask(url, { agent });
      const key = status === 200 ? body : String(status);
      seen[key] = (seen[key] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  agent.destroy();
  return seen;
}

/** Waits until `probe` answers something like `expected`. Fails after five seconds with what it answered last. */
export async function eventually(probe: () => Promise<unknown>, expected: object): Promise<void> {
  let matched = false;
  let last: unknown;
  await until(async () => {
    last = await probe();
    matched = matches(last, expected);
    return matched;
  });
  if (!matched) expect(last).toMatchObject(expected);
}

/** Waits until `condition` holds, at most five seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition()) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
}

function matches(value: unknown, expected: object): boolean {
  try {
    expect(value).toMatchObject(expected);
    return true;
  } catch {
    return false;
  }
}

/** A port of 127.0.0.1 that nobody listens on, below those that outgoing connections take. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = http.createServer();
    const port = await listen(server, randomInt(10_000, 30_000)).catch(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    if (port !== undefined) return port;
  }
}

/** Listens on 127.0.0.1, on a free port unless told; resolves with the port. */
export function listen(server: net.Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
}
