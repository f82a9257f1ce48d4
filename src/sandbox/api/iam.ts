/** IAM: service-linked roles. Which other roles there are is no matter of the sandbox's. */
import type { CreateServiceLinkedRoleRequest, CreateServiceLinkedRoleResponse } from '@aws-sdk/client-iam';
import { AwsError } from '../errors.ts';
import { hexId } from '../ids.ts';
import type { Region } from '../parts.ts';
import type { LinkedService } from '../world/iam-state.ts';
import { LINKED_ROLES, lacksRole, makeLinkedRole } from '../world/linked-roles.ts';
import type { Operations } from './service.ts';

export const operations = {
  CreateServiceLinkedRole({ AWSServiceName: service = '' }: CreateServiceLinkedRoleRequest, region: Region): CreateServiceLinkedRoleResponse {
    if (!isKnown(service)) throw new AwsError('InvalidInputException', `The sandbox knows no service-linked role of ${service}.`);
    const RoleName = LINKED_ROLES[service];
    if (!lacksRole(region, service)) {
      throw new AwsError('InvalidInputException', `Service role name ${RoleName} has been taken in this account, please try a different suffix.`);
    }
    makeLinkedRole(region, service);
    const Path = `/aws-service-role/${service}/`;
    const Arn = `arn:aws:iam::${region.config.account}:role${Path}${RoleName}`;
    return { Role: { Path, RoleName, RoleId: `AROA${hexId(17).toUpperCase()}`, Arn, CreateDate: region.clock.now() } };
  },
} satisfies Operations;

function isKnown(service: string): service is LinkedService {
  return Object.hasOwn(LINKED_ROLES, service);
}
