/** Health check settings of target groups: AWS's defaults and checks. */
import type { CreateTargetGroupInput, Matcher, ProtocolEnum } from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import { validationError } from './lookup.ts';

export interface HealthSettings {
  HealthCheckProtocol: ProtocolEnum;
  HealthCheckPort: string;
  HealthCheckEnabled: boolean;
  HealthCheckIntervalSeconds: number;
  HealthCheckTimeoutSeconds: number;
  HealthyThresholdCount: number;
  UnhealthyThresholdCount: number;
  HealthCheckPath: string;
  Matcher: Matcher;
}

/** What of a request concerns health checks. */
export type RequestedHealthSettings = Pick<CreateTargetGroupInput, keyof HealthSettings>;

/** A new target group's settings where the request says nothing. */
export function usualHealthSettings(protocolVersion: string): HealthSettings {
  const grpc = protocolVersion === 'GRPC';
  return {
    HealthCheckProtocol: 'HTTP',
    HealthCheckPort: 'traffic-port',
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: 30,
    HealthCheckTimeoutSeconds: 5,
    HealthyThresholdCount: 5,
    UnhealthyThresholdCount: 2,
    HealthCheckPath: grpc ? '/AWS.ALB/healthcheck' : '/',
    Matcher: grpc ? { GrpcCode: '12' } : { HttpCode: '200' },
  };
}

/** `current` with what the request changes, for a target group of that protocol version. Throws AwsError for what AWS refuses. */
export function changedHealthSettings(
  current: HealthSettings,
  requested: RequestedHealthSettings,
  protocolVersion: string | undefined,
): HealthSettings {
  const settings: HealthSettings = {
    HealthCheckProtocol: requested.HealthCheckProtocol ?? current.HealthCheckProtocol,
    HealthCheckPort: requested.HealthCheckPort ?? current.HealthCheckPort,
    HealthCheckEnabled: requested.HealthCheckEnabled ?? current.HealthCheckEnabled,
    HealthCheckIntervalSeconds: requested.HealthCheckIntervalSeconds ?? current.HealthCheckIntervalSeconds,
    HealthCheckTimeoutSeconds: requested.HealthCheckTimeoutSeconds ?? current.HealthCheckTimeoutSeconds,
    HealthyThresholdCount: requested.HealthyThresholdCount ?? current.HealthyThresholdCount,
    UnhealthyThresholdCount: requested.UnhealthyThresholdCount ?? current.UnhealthyThresholdCount,
    HealthCheckPath: requested.HealthCheckPath ?? current.HealthCheckPath,
    Matcher: requested.Matcher ?? current.Matcher,
  };
  check(settings, protocolVersion === 'GRPC' ? 'GRPC' : 'HTTP');
  return settings;
}

function check(settings: HealthSettings, codes: 'HTTP' | 'GRPC'): void {
  const { HealthCheckProtocol, HealthCheckPort, HealthCheckPath } = settings;
  if (HealthCheckProtocol !== 'HTTP' && HealthCheckProtocol !== 'HTTPS') {
    throw validationError(`Health check protocol '${HealthCheckProtocol}' is not supported for target groups with protocol HTTP or HTTPS`);
  }
  if (!settings.HealthCheckEnabled) throw validationError('Health checks must be enabled for target types instance and ip');
  if (HealthCheckPort !== 'traffic-port' && !isWithin(HealthCheckPort, 1, 65_535)) {
    throw validationError(`Health check port '${HealthCheckPort}' must be either 'traffic-port' or in the 1-65535 range`);
  }
  if (!/^\/[!-~]{0,1023}$/.test(HealthCheckPath)) {
    throw validationError(`Health check path '${HealthCheckPath}' must begin with a '/' character`);
  }
  checkRange('Health check interval', settings.HealthCheckIntervalSeconds, 5, 300);
  checkRange('Health check timeout', settings.HealthCheckTimeoutSeconds, 2, 120);
  checkRange('Healthy threshold count', settings.HealthyThresholdCount, 2, 10);
  checkRange('Unhealthy threshold count', settings.UnhealthyThresholdCount, 2, 10);
  if (settings.HealthCheckTimeoutSeconds >= settings.HealthCheckIntervalSeconds) {
    throw validationError('Health check timeout must be smaller than the interval');
  }
  checkMatcher(settings.Matcher, codes);
}

function checkMatcher({ HttpCode, GrpcCode }: Matcher, codes: 'HTTP' | 'GRPC'): void {
  if ((codes === 'GRPC' ? GrpcCode : HttpCode) === undefined || (codes === 'GRPC' ? HttpCode : GrpcCode) !== undefined) {
    throw new AwsError('InvalidConfigurationRequest', `The health check matcher of this target group must have ${codes} codes, and no others`);
  }
  if (HttpCode !== undefined && !isCodeList(HttpCode, 200, 499)) {
    throw new AwsError('InvalidConfigurationRequest', `Health check matcher HTTP code '${HttpCode}' must be within '200-499' inclusive`);
  }
  if (GrpcCode !== undefined && !isCodeList(GrpcCode, 0, 99)) {
    throw new AwsError('InvalidConfigurationRequest', `Health check matcher GRPC code '${GrpcCode}' must be within '0-99' inclusive`);
  }
}

/** `200`, `200,202`, `200-299` and mixtures of them. */
function isCodeList(list: string, from: number, to: number): boolean {
  return list.split(',').every((part) => {
    const codes = part.split('-');
    return codes.length <= 2 && codes.every((code) => isWithin(code, from, to)) && Number(codes[0]) <= Number(codes.at(-1));
  });
}

function isWithin(text: string, from: number, to: number): boolean {
  return /^\d{1,5}$/.test(text) && from <= Number(text) && Number(text) <= to;
}

function checkRange(what: string, value: number, from: number, to: number): void {
  if (Number.isInteger(value) && from <= value && value <= to) return;
  throw validationError(`${what} '${value}' must be in the ${from}-${to} range`);
}
