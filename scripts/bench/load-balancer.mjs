// Load balancers of any size, with two target groups of real targets.
import { setTimeout as sleep } from 'node:timers/promises';
import { REGION } from './place.mjs';

const FIXED = { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } };
const REDIRECT = { Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_302', Path: '/elsewhere' } };

/**
 * @param targets what both groups get; resolves once they are healthy.
 * @param size listeners; `own` rules that carry the pair, the first listener's default one among them; `others` that do not,
 *   beside the default ones. They are dealt out to the listeners in turn.
 * @returns the groups' ARNs, and how many rules each listener has.
 */
export async function buildLoadBalancer(elb, targets, { listeners, own, others }) {
  const name = `bench-${Math.random().toString(36).slice(2, 10)}`;
  const [primary, canary] = [await targetGroup(elb, `${name}-blue`, targets), await targetGroup(elb, `${name}-green`, targets)];
  const pair = { Type: 'forward', ForwardConfig: { TargetGroups: [{ TargetGroupArn: primary, Weight: 100 }, { TargetGroupArn: canary, Weight: 0 }] } };
  const foreign = [{ Type: 'forward', TargetGroupArn: primary }, FIXED, REDIRECT];

  const { LoadBalancers } = await elb.createLoadBalancer({ Name: name, Subnets: ['subnet-0a', 'subnet-0b'] });
  const built = [];
  for (let index = 0; index < listeners; index += 1) {
    built.push({ arn: await listener(elb, LoadBalancers[0].LoadBalancerArn, 8443 + index, index === 0 ? pair : FIXED), rules: 1 });
  }
  const addRule = async (index, Priority, action) => {
    const on = built[index % listeners];
    await elb.createRule({ ListenerArn: on.arn, Priority, Conditions: [{ Field: 'path-pattern', Values: [`/${Priority}/*`] }], Actions: [action] });
    on.rules += 1;
  };
  for (let index = 0; index < others; index += 1) await addRule(index, 1 + index, foreign[index % foreign.length]);
  for (let index = 1; index < own; index += 1) await addRule(index, 1_000 + index, pair);

  for (const arn of [primary, canary]) await untilHealthy(elb, arn);
  return { primary, canary, rules: built.map(({ rules }) => rules) };
}

/** Targets that are healthy in any group. */
export async function healthyTargets(elb) {
  const { TargetGroups } = await elb.describeTargetGroups({});
  const described = await Promise.all(TargetGroups.map(({ TargetGroupArn }) => elb.describeTargetHealth({ TargetGroupArn })));
  const healthy = described.flatMap(({ TargetHealthDescriptions }) => TargetHealthDescriptions).filter(({ TargetHealth }) => TargetHealth.State === 'healthy');
  return healthy.map(({ Target }) => ({ Id: Target.Id, Port: Target.Port }));
}

async function targetGroup(elb, Name, Targets) {
  const { TargetGroups } = await elb.createTargetGroup({ Name, Protocol: 'HTTP', Port: 8080, VpcId: 'vpc-0a', TargetType: 'ip', HealthCheckPath: '/ping' });
  const [{ TargetGroupArn }] = TargetGroups;
  await elb.registerTargets({ TargetGroupArn, Targets });
  return TargetGroupArn;
}

/** An HTTPS one, because the sandbox opens no port for it. */
async function listener(elb, LoadBalancerArn, Port, action) {
  const Certificates = [{ CertificateArn: `arn:aws:acm:${REGION}:000000000000:certificate/1` }];
  const { Listeners } = await elb.createListener({ LoadBalancerArn, Protocol: 'HTTPS', Port, Certificates, DefaultActions: [action] });
  return Listeners[0].ListenerArn;
}

async function untilHealthy(elb, TargetGroupArn) {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const { TargetHealthDescriptions } = await elb.describeTargetHealth({ TargetGroupArn });
    const states = TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth.State);
    if (states.length > 0 && states.every((state) => state === 'healthy')) return;
    if (performance.now() >= deadline) throw new Error(`The targets do not get healthy: ${states.join(', ')}`);
    await sleep(50);
  }
}
