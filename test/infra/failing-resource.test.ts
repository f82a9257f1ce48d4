/** Every resource of both templates, one after the other: when AWS refuses to make it, what is left is clean, and the next run works. */
import { parse } from 'yaml';
import { buildInfra } from '../../src/infra/build-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { templates } from '../../src/infra/templates.ts';
import { systemClock } from '../../src/time.ts';
import { type Project, withProject } from './project.ts';

/**
 * Between them they have each resource made, the cheapest first: a resource is failed where it comes up first. What the settings
 * of now know nothing of changes nothing.
 */
const CONFIGURATIONS: readonly Record<string, string>[] = [
  { WEB_EXPOSE: 'internal' },
  { WEB_EXPOSE: 'internal', WEB_PROTOCOL: 'grpc' },
  { SECRETS: `A=${arn('secretsmanager', 'secret:a-AbCdEf')},B=${arn('ssm', 'parameter/b')}`, NAT: 'endpoints' },
  { NAT: 'per-zone', CERTIFICATE_ARN: arn('acm', 'certificate/12345678-1234-1234-1234-123456789012'), KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24' },
];
/** Not made any more where no base has it: it stays in one that was made with it. */
const FROM_BEFORE = 'TaskSecurityGroup';
const SETTINGS = { SERVICES: 'web', SERVICE_NAME: 'web' };
const STACKS = { base: 'fleet', service: 'fleet-web' };
/** Sandboxes side by side: a run mostly waits. */
const LANES = 8;
const SPEED = 4_000;

/** Looks seldom, and has patience, because there are so many of them at once. */
function patient({ session }: { session: InfraSession }): InfraSession {
  const selfSigned = session.settings.services.some(({ protocol }) => protocol === 'grpc');
  return { ...session, selfSigned, wait: () => ({ ...session.wait(), pollInterval: 150, deadline: systemClock.now() + 120_000 }) };
}

const inSandbox = (action: (project: Project) => Promise<void>) => withProject(action, { speed: SPEED });

test.each(['base', 'service'] as const)('each resource of the %s template', async (name) => {
  const left = new Set(Object.keys(parse(templates[name], { logLevel: 'silent' }).Resources));
  const cases: { resource: string; settings: Record<string, string> }[] = [];
  for (const configuration of CONFIGURATIONS) {
    const settings = { ...SETTINGS, ...configuration };
    for (const resource of await resourcesMade(settings, STACKS[name])) {
      if (left.delete(resource)) cases.push({ resource, settings });
    }
  }
  expect([...left].filter((resource) => resource !== FROM_BEFORE || name !== 'base')).toEqual([]);
  await inLanes(cases, ({ resource, settings }) => failOnce(resource, settings, STACKS[name]));
}, 300_000);

/** Logical ids of what the settings have made in a stack. */
async function resourcesMade(settings: Record<string, string>, stack: string): Promise<string[]> {
  let made: string[] = [];
  await inSandbox(async ({ session, sandbox }) => {
    await buildInfra(patient(session(settings)));
    const region = await sandbox.region('eu-central-1');
    const found = Object.values(region.state.cloudformation.stacks).find((each) => each.name === stack);
    made = Object.keys(found?.resources ?? {});
  });
  return made;
}

function failOnce(resource: string, settings: Record<string, string>, stack: string): Promise<void> {
  return inSandbox(async ({ session, sandbox, aws }) => {
    await sandbox.faults.order({ resource, stack, reason: `No more of ${resource}.` });
    const error: unknown = await buildInfra(patient(session(settings))).then(
      () => 'no error',
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'stack-failed', exitCode: 1, message: expect.stringContaining(`No more of ${resource}.`) });
    // The resource that was refused is named first, not one that was cancelled for its sake.
    expect(error).toMatchObject({ message: expect.stringMatching(new RegExp(`^Stack ${stack} could not be made: ${resource} \\(AWS::`)) });
    expect((await aws.stacks.describe(stack))?.status).toBe('ROLLBACK_COMPLETE');
    expect(await leftOf(stack, sandbox)).toEqual([]);

    expect((await buildInfra(patient(session(settings)))).changed).toBe(true);
  });
}

/** What a stack that was rolled back has left, in its own books and in those of the services. */
async function leftOf(stack: string, sandbox: Project['sandbox']): Promise<string[]> {
  const { state } = await sandbox.region('eu-central-1');
  const books = Object.values(state.cloudformation.stacks).find(({ name, status }) => name === stack && status !== 'DELETE_COMPLETE');
  const kept = Object.values(books?.resources ?? {}).filter(({ status }) => status !== 'DELETE_COMPLETE');
  const own = (name: string) => name.startsWith(`${stack.slice(0, 5)}-`) || name.startsWith(`${stack}-`);
  const { loadBalancers, targetGroups } = state.elbv2;
  const live = [
    ...(stack === STACKS.base ? Object.keys(loadBalancers) : []),
    ...Object.values(targetGroups).map(({ description }) => description.TargetGroupName).filter(own),
    ...Object.keys(state.ecr.repositories),
    ...Object.keys(state.logs.groups).filter(own),
  ];
  return [...kept.map(({ logicalId, status }) => `${logicalId} ${status}`), ...live];
}

async function inLanes<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function arn(service: string, resource: string): string {
  return `arn:aws:${service}:eu-central-1:000000000000:${resource}`;
}
