// Which AWS calls a `route` on two target groups makes as their load balancer grows.
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { buildLoadBalancer, healthyTargets } from './load-balancer.mjs';
import { REGION } from './place.mjs';
import { table } from './table.mjs';

const USUAL_PAGE = 100;
const SMALL_PAGE = 10;

const SIZES = [1, 2, 3].flatMap((listeners) => [0, 10, 90].map((others) => ({ listeners, own: 2, others })));
const MOST_LISTENERS = SIZES.slice(-3);
const MORE_OF_THE_PAIR = { listeners: 3, own: 4, others: 90 };

/** Long enough to ask for metrics; one look at the log meanwhile, so that the counts are the same each time. */
const SETTLING = { SETTLE: '1.1s', POLL_INTERVAL: '5s' };

/** Each kind of call has its column; see `phased`. */
const KINDS = {
  '#find: groups': ({ phase, operation }) => phase === 'find' && operation === 'DescribeTargetGroups',
  '#find: listeners': ({ phase, operation }) => phase === 'find' && operation === 'DescribeListeners',
  '#find: rules by listener': ({ phase, operation }) => phase === 'find' && operation === 'DescribeRules',
  '#fresh reads': ({ phase, operation }) => phase === 'write' && operation === 'DescribeRules',
  '#`Modify`': ({ phase, operation }) => phase === 'write' && operation.startsWith('Modify'),
  '#read back': ({ phase, operation }) => phase === 'confirm' && operation === 'DescribeRules',
  '#target health': ({ operation }) => operation === 'DescribeTargetHealth',
  '#SSM': ({ service }) => service === 'ssm',
  '#CloudWatch': ({ operation }) => operation === 'GetMetricData',
};

/** The place has to have a version running: its tasks are the targets. */
export async function routeCalls(place) {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const credentials = { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' };
  const elb = new ElasticLoadBalancingV2({ region: REGION, endpoint: place.endpoint(), credentials });
  const targets = await healthyTargets(elb);
  const measured = [];
  const measureAll = async (sizes, pageSize) => {
    for (const size of sizes) measured.push({ ...size, pageSize, ...(await measure(place, elb, targets, size)) });
  };
  await measureAll([...SIZES, MORE_OF_THE_PAIR], USUAL_PAGE);
  place.restartSandbox('--page-size', String(SMALL_PAGE));
  await measureAll([...MOST_LISTENERS, MORE_OF_THE_PAIR], SMALL_PAGE);
  elb.destroy();

  const head = ['#listeners', '#rules of the pair', '#other rules', '#page size', ...Object.keys(KINDS), '#finding', '#at most'];
  return `AWS calls of \`route --canary 50\` on two target groups by ARN, as their load balancer grows. Finding takes at most 2 + listeners, and a
call for each further page of rules. Fresh reads, writes and reading back name the rules of the pair by their ARN:

${table(head, measured.map(row))}
Calls after finding, with any number of other rules: ${SIZES[0].own} rules of the pair: ${afterFinding(measured, SIZES[0])}; ${MORE_OF_THE_PAIR.own}: ${afterFinding(measured, MORE_OF_THE_PAIR)}.`;
}

/** @returns the calls by phase, and how many rules each listener has. */
async function measure(place, elb, targets, size) {
  const { primary, canary, rules } = await buildLoadBalancer(elb, targets, size);
  const calls = place.callsOf(['route', '--canary', '50', '--primary-target-group', primary, '--canary-target-group', canary], SETTLING);
  return { calls: phased(calls), rules };
}

/**
 * The sandbox does not note what DescribeRules was asked for, but its phase tells: the program writes its log once it has
 * found the rules, and what it reads after the last write is read back.
 */
function phased(calls) {
  const firstEntry = calls.findIndex(({ operation }) => operation === 'PutParameter');
  const lastWrite = calls.findLastIndex(({ operation }) => operation.startsWith('Modify'));
  const phaseAt = (index) => (index < firstEntry ? 'find' : index <= lastWrite ? 'write' : 'confirm');
  return calls.map((call, index) => ({ ...call, phase: phaseAt(index) }));
}

function row({ listeners, own, others, pageSize, calls, rules }) {
  const stray = calls.find((call) => !Object.values(KINDS).some((kind) => kind(call)));
  if (stray) throw new Error(`${stray.operation} in phase ${stray.phase} has no column`);
  const counts = Object.values(KINDS).map((kind) => calls.filter(kind).length);
  const finding = counts[0] + counts[1] + counts[2];
  const furtherPages = rules.reduce((sum, count) => sum + Math.ceil(count / pageSize) - 1, 0);
  return [listeners, own, others, pageSize, ...counts, finding, 2 + listeners + furtherPages];
}

/** `17`, or `17 to 19` where the rows differ. */
function afterFinding(measured, { own }) {
  const counts = measured.filter((one) => one.own === own).map(({ calls }) => calls.filter(({ phase }) => phase !== 'find').length);
  return [...new Set([Math.min(...counts), Math.max(...counts)])].join(' to ');
}
