/** Where work on a stack happens: AWS time passes there, and what happens is written into the stack's events. */
import type { ResourceStatus, StackStatus } from '@aws-sdk/client-cloudformation';
import { randomUUID } from 'node:crypto';
import { AwsError } from '../../errors.ts';
import type { ResourceFaults } from '../../faults/faults.ts';
import type { ResourceWork } from '../../faults/resource-order.ts';
import type { Region } from '../../parts.ts';
import type { StoredResource, StoredStack } from '../../world/cloudformation-state.ts';

export interface Site {
  readonly region: Region;
  readonly stack: StoredStack;
  /** Lets AWS ms pass. Never resolves once the region has stopped: the work is taken up again after the next start. */
  pass(awsMs: number): Promise<void>;
  stackBecomes(status: StackStatus, reason?: string): void;
  resourceBecomes(resource: StoredResource, status: ResourceStatus, reason?: string): void;
  /** Awaits what a service does for a resource, unless a fault was ordered for it; failures are worded as CloudFormation passes them on. */
  handled<T>(resource: StoredResource, on: ResourceWork, work: () => Promise<T>): Promise<T>;
}

/** AWS ms from a resource's turn until the call that makes, changes or deletes it. */
export const LEAD_TIME = 1_000;

export function makeSite(region: Region, stack: StoredStack, faults: ResourceFaults, pass: Site['pass']): Site {
  return {
    region,
    stack,
    pass,
    stackBecomes: (status, reason) => setStackStatus(region, stack, status, reason),
    resourceBecomes(resource, status, reason) {
      const at = region.clock.now();
      Object.assign(resource, { status, statusReason: reason, changedAt: at });
      stack.events.push({
        StackId: stack.id,
        EventId: `${resource.logicalId}-${status}-${at.toISOString()}-${stack.events.length}`,
        StackName: stack.name,
        LogicalResourceId: resource.logicalId,
        PhysicalResourceId: resource.physicalId ?? '',
        ResourceType: resource.type,
        Timestamp: at,
        ResourceStatus: status,
        ResourceStatusReason: reason,
        ResourceProperties: JSON.stringify(resource.properties),
        ClientRequestToken: stack.token,
      });
      region.changed();
    },
    async handled({ logicalId, type }, on, work) {
      try {
        const reason = faults.reasonFor({ stack: stack.name, logicalId, type, on });
        if (reason !== undefined) throw new AwsError('GeneralServiceException', reason);
        return await work();
      } catch (error) {
        throw new Error(handlerMessage(type, error), { cause: error });
      }
    },
  };
}

/** Changes the stack's own status and writes the event of it. */
export function setStackStatus(region: Region, stack: StoredStack, status: StackStatus, reason?: string): void {
  const at = region.clock.now();
  stack.status = status;
  stack.statusReason = reason;
  if (status.startsWith('UPDATE_')) stack.updatedAt = at;
  if (status === 'DELETE_COMPLETE') stack.deletedAt = at;
  stack.events.push({
    StackId: stack.id,
    EventId: randomUUID(),
    StackName: stack.name,
    LogicalResourceId: stack.name,
    PhysicalResourceId: stack.id,
    ResourceType: 'AWS::CloudFormation::Stack',
    Timestamp: at,
    ResourceStatus: status,
    ResourceStatusReason: reason,
    ClientRequestToken: stack.token,
  });
  region.changed();
}

/** What CloudFormation calls a service's error. */
const HANDLER_CODES = [
  [/AlreadyExists|Duplicate/, 'AlreadyExists'],
  [/^(AccessDenied|UnauthorizedOperation)/, 'AccessDenied'],
  [/^DependencyViolation$/, 'InvalidRequest'],
] as const;

function handlerMessage(type: string, error: unknown): string {
  const message = messageOf(error);
  const service = type.split('::')[1] ?? type;
  const { status, code } = error instanceof AwsError ? error : { status: 500, code: 'InternalFailure' };
  const handlerCode = HANDLER_CODES.find(([pattern]) => pattern.test(code))?.[1] ?? 'GeneralServiceException';
  return (
    `Resource handler returned message: "${message} (Service: ${service}, Status Code: ${status}, Request ID: ${randomUUID()})" ` +
    `(RequestToken: ${randomUUID()}, HandlerErrorCode: ${handlerCode})`
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
