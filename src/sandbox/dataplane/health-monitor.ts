/** Checks one target again and again, and tells when it becomes healthy or unhealthy. */
import type { Region, TargetAddress, TargetHealth } from '../parts.ts';
import type { StoredTargetGroup } from '../world/elbv2-state.ts';
import { checkGrpcHealth } from './grpc-health-check.ts';
import { type CheckFailure, CONNECTION_FAILED, checkHealth } from './health-check.ts';

type Settings = StoredTargetGroup['description'];

/** How long a new target reads as being registered, in AWS ms. */
const REGISTRATION_MS = 1_000;
/** Processes do not get faster with `speed`: real ms that an answer has at least, and that checks are apart at least. */
const SHORTEST_TIMEOUT_MS = 2_000;
const SHORTEST_INTERVAL_MS = 20;

const REGISTERING: TargetHealth = {
  state: 'initial',
  reason: 'Elb.RegistrationInProgress',
  description: 'Target registration is in progress',
};
const FIRST_CHECKS: TargetHealth = {
  state: 'initial',
  reason: 'Elb.InitialHealthChecking',
  description: 'Initial health checks in progress',
};

/**
 * Checks the target with its group's own settings, read anew for each check, until the returned function is called.
 * @param report is told the target's health now and at each change.
 */
export function monitorHealth(
  region: Region,
  targetGroupArn: string,
  target: TargetAddress,
  report: (health: TargetHealth) => void,
): () => void {
  const stopped = new AbortController();
  let health = REGISTERING;
  let streak: Streak = { passed: 0, failed: 0 };
  let cancelTimer = region.clock.after(REGISTRATION_MS, () => {
    health = FIRST_CHECKS;
    report(health);
    void checkOnce();
  });
  report(health);

  async function checkOnce(): Promise<void> {
    const settings = region.state.elbv2.targetGroups[targetGroupArn]?.description;
    if (!settings) return;
    const startedAt = region.clock.awsNow();
    const failure = await check(region, settings, target, stopped.signal);
    if (stopped.signal.aborted) return;
    streak = failure ? { passed: 0, failed: streak.failed + 1 } : { passed: streak.passed + 1, failed: 0 };
    health = nextHealth(health, streak, failure, settings);
    report(health);
    const untilNext = settings.HealthCheckIntervalSeconds * 1_000 - (region.clock.awsNow() - startedAt);
    cancelTimer = region.clock.after(Math.max(untilNext, SHORTEST_INTERVAL_MS / region.clock.real(1)), () => void checkOnce());
  }

  return () => {
    cancelTimer();
    stopped.abort();
  };
}

/** Checks in a row with the same result. */
interface Streak {
  readonly passed: number;
  readonly failed: number;
}

/** A new target needs one passed check; after that the group's thresholds count. */
function nextHealth(health: TargetHealth, streak: Streak, failure: CheckFailure, settings: Settings): TargetHealth {
  if (failure) return streak.failed >= settings.UnhealthyThresholdCount ? { state: 'unhealthy', ...failure } : health;
  const enough = health.state === 'unhealthy' ? settings.HealthyThresholdCount : 1;
  return streak.passed >= enough ? { state: 'healthy' } : health;
}

function check(region: Region, settings: Settings, target: TargetAddress, signal: AbortSignal): Promise<CheckFailure> {
  const port = settings.HealthCheckPort === 'traffic-port' ? target.port : Number(settings.HealthCheckPort);
  const address = region.network.resolve({ ip: target.ip, port });
  if (!address) return Promise.resolve(CONNECTION_FAILED);
  const isGrpc = settings.ProtocolVersion === 'GRPC';
  const checkOnce = isGrpc ? checkGrpcHealth : checkHealth;
  return checkOnce({
    ...address,
    protocol: settings.HealthCheckProtocol,
    path: settings.HealthCheckPath,
    hostHeader: port === 80 ? target.ip : `${target.ip}:${port}`,
    timeoutMs: Math.max(region.clock.real(settings.HealthCheckTimeoutSeconds * 1_000), SHORTEST_TIMEOUT_MS),
    matcher: (isGrpc ? settings.Matcher.GrpcCode : settings.Matcher.HttpCode) ?? '200',
    signal,
  });
}
