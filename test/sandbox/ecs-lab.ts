/** A sandbox with a cluster and a small server to run as services, each behind a load balancer of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECRClient, CreateRepositoryCommand } from '@aws-sdk/client-ecr';
import { type CreateServiceRequest, ECS, type UpdateServiceRequest, type ContainerDefinition, type LoadBalancer, type RegisterTaskDefinitionRequest, type Service, type Task } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2, type TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import type { RunnerName } from '../../src/sandbox/dataplane/runner.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { pushFiles } from './push.ts';

export const CLUSTER = 'demo';
export const REGION = 'eu-central-1';

/** Answers its version; `/env` its environment, `/crash` ends it. `MODE` makes it crash at once, or fail its health checks. */
const SERVER = `
  const { createServer } = require('node:http');
  const { MODE, VERSION, PORT, HOST } = process.env;
  console.log('version ' + VERSION + ' starts');
  if (MODE === 'crash') { console.error('no database'); process.exit(3); }
  const server = createServer((request, response) => {
    if (request.url === '/crash') process.exit(4);
    if (request.url === '/env') return response.end(JSON.stringify(process.env));
    response.writeHead(MODE === 'sick' ? 503 : 200).end(VERSION);
  }).listen(PORT, HOST);
  process.on('SIGTERM', () => { console.log('ends'); server.closeAllConnections(); server.close(() => process.exit(0)); });
`;

/** Puts an image that runs `index.js` into the registry. */
export type Push = (ecr: ECRClient, repository: string, tag: string, files: Record<string, string>) => Promise<unknown>;

export interface Balanced {
  readonly targetGroupArn: string;
  /** Base URL of the load balancer. */
  readonly url: string;
  /** What a service needs to register in the target group. */
  readonly loadBalancers: LoadBalancer[];
  readonly targets: () => Promise<TargetHealthDescription[]>;
}

export interface EcsLab {
  readonly sandbox: Sandbox;
  readonly ecs: ECS;
  readonly elb: ElasticLoadBalancingV2;
  readonly image: string;
  /** A target group behind a load balancer of its own. */
  balance(name: string): Promise<Balanced>;
  /** Registers a revision whose server is of this version. Resolves with its ARN. */
  register(version: string, container?: Partial<ContainerDefinition>, definition?: Partial<RegisterTaskDefinitionRequest>): Promise<string>;
  createService(serviceName: string, taskDefinition: string, more?: Partial<CreateServiceRequest>): Promise<Service>;
  update(serviceName: string, changes: Partial<UpdateServiceRequest>): Promise<Service>;
  describe(serviceName: string): Promise<Service>;
  /** Resolves once the service is as asked; rejects after some seconds with what it is. */
  until(serviceName: string, holds: (service: Service) => boolean): Promise<Service>;
  tasks(serviceName: string, desiredStatus?: 'RUNNING' | 'STOPPED'): Promise<Task[]>;
  /** Stops and starts the sandbox on the same folder. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

/**
 * @param speed how much faster AWS's time runs.
 * @param how what tasks run in, how their image gets into the registry, and the real ms that a service may take to be as asked.
 */
export async function openEcsLab(speed = 40, how: { runner?: RunnerName; push?: Push; patience?: number } = {}): Promise<EcsLab> {
  const { runner, push = pushFiles, patience = 15_000 } = how;
  const dir = mkdtempSync(join(tmpdir(), 'ecs-'));
  const start = async () => {
    const sandbox = await startSandbox({ dir, speed, runner });
    const settings = { region: REGION, endpoint: sandbox.url, credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 };
    return { sandbox, ecs: new ECS(settings), elb: new ElasticLoadBalancingV2(settings), ecr: new ECRClient(settings) };
  };
  let running = await start();
  const { ecs, ecr } = running;
  await ecs.createCluster({ clusterName: CLUSTER });
  await ecr.send(new CreateRepositoryCommand({ repositoryName: 'demo/server' }));
  await push(ecr, 'demo/server', '1', { 'index.js': SERVER });
  const image = `127.0.0.1:${running.sandbox.port}/demo/server:1`;

  const describe = async (serviceName: string) => {
    const { services = [] } = await running.ecs.describeServices({ cluster: CLUSTER, services: [serviceName] });
    return services[0] ?? {};
  };

  return {
    get sandbox() {
      return running.sandbox;
    },
    get ecs() {
      return running.ecs;
    },
    get elb() {
      return running.elb;
    },
    image,

    async balance(name) {
      const { targetGroupArn, port } = await loadBalanced(running.elb, name);
      return {
        targetGroupArn,
        url: `http://127.0.0.1:${port}`,
        loadBalancers: [{ targetGroupArn, containerName: 'server', containerPort: 8080 }],
        async targets() {
          const { TargetHealthDescriptions = [] } = await running.elb.describeTargetHealth({ TargetGroupArn: targetGroupArn });
          return TargetHealthDescriptions;
        },
      };
    },

    async register(version, container = {}, definition = {}) {
      const { taskDefinition } = await running.ecs.registerTaskDefinition({
        family: 'server',
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
        containerDefinitions: [{
          name: 'server',
          image,
          portMappings: [{ containerPort: 8080 }],
          environment: [{ name: 'VERSION', value: version }],
          ...container,
        }],
        ...definition,
      });
      return taskDefinition?.taskDefinitionArn ?? '';
    },

    async createService(serviceName, taskDefinition, more = {}) {
      const { service = {} } = await running.ecs.createService({
        cluster: CLUSTER,
        serviceName,
        taskDefinition,
        desiredCount: 2,
        launchType: 'FARGATE',
        networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0a', 'subnet-0b'], assignPublicIp: 'ENABLED' } },
        // Processes do not start faster with the clock: on a busy machine the health checks would be too fast for them.
        healthCheckGracePeriodSeconds: more.loadBalancers ? 120 : undefined,
        ...more,
      });
      return service;
    },

    async update(service, changes) {
      return (await running.ecs.updateService({ cluster: CLUSTER, service, ...changes })).service ?? {};
    },

    describe,

    async until(serviceName, holds) {
      const deadline = Date.now() + patience;
      for (;;) {
        const service = await describe(serviceName);
        if (holds(service)) {
          return service;
        }
        if (Date.now() > deadline) {
          throw new Error(`the service stays ${JSON.stringify({ ...service, events: messages(service) }, null, 1)}`);
        }
        await new Promise((later) => setTimeout(later, 20));
      }
    },

    async tasks(serviceName, desiredStatus = 'RUNNING') {
      const { taskArns = [] } = await running.ecs.listTasks({ cluster: CLUSTER, serviceName, desiredStatus });
      return taskArns.length === 0 ? [] : (await running.ecs.describeTasks({ cluster: CLUSTER, tasks: taskArns })).tasks ?? [];
    },

    async restart() {
      await running.sandbox.stop();
      running = await start();
    },

    async end() {
      await running.sandbox.stop();
      rmSync(dir, { recursive: true });
    },
  };
}

/** A service's events as texts, oldest first, with `ID` for ids and without the service's name. */
export function messages({ events = [] }: Service): string[] {
  return events.map(({ message = '' }) => message
    .replace(/^\(service [^ ]+\) /, '')
    .replaceAll(/[0-9a-f]{32}/g, 'ID')
    .replaceAll(/ecs-svc\/\d{19}/g, 'ecs-svc/ID')
    .replaceAll(/arn:aws:elasticloadbalancing[^)]+/g, 'ARN')).toReversed();
}

async function loadBalanced(elb: ElasticLoadBalancingV2, name: string): Promise<{ targetGroupArn: string; port: number }> {
  const { LoadBalancers } = await elb.createLoadBalancer({ Name: name, Subnets: ['subnet-0a', 'subnet-0b'] });
  const { TargetGroups } = await elb.createTargetGroup({
    Name: name,
    Protocol: 'HTTP',
    Port: 8080,
    VpcId: 'vpc-0a',
    TargetType: 'ip',
    HealthCheckIntervalSeconds: 5,
    HealthCheckTimeoutSeconds: 2,
    HealthyThresholdCount: 2,
    UnhealthyThresholdCount: 2,
  });
  const targetGroupArn = TargetGroups?.[0]?.TargetGroupArn ?? '';
  await elb.modifyTargetGroupAttributes({
    TargetGroupArn: targetGroupArn,
    Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '20' }],
  });
  const port = await freePort();
  await elb.createListener({
    LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
    Protocol: 'HTTP',
    Port: port,
    DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroupArn }],
  });
  return { targetGroupArn, port };
}
