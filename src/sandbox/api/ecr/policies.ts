/** Repository policies and lifecycle policies: kept and given back; nothing is expired by them. */
import type {
  DeleteLifecyclePolicyRequest, DeleteLifecyclePolicyResponse, DeleteRepositoryPolicyRequest, DeleteRepositoryPolicyResponse,
  GetLifecyclePolicyRequest, GetLifecyclePolicyResponse, GetRepositoryPolicyRequest, GetRepositoryPolicyResponse,
  PutLifecyclePolicyRequest, PutLifecyclePolicyResponse, SetRepositoryPolicyRequest, SetRepositoryPolicyResponse,
} from '@aws-sdk/client-ecr';
import * as z from 'zod';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { requireRepository } from '../../world/ecr-images.ts';
import type { RepositoryState } from '../../world/ecr-state.ts';
import { invalidParameter } from './parameters.ts';

const repositoryPolicy = z.object({ Statement: z.union([z.object({}), z.array(z.object({}))]) });
const lifecyclePolicy = z.object({
  rules: z.array(z.object({
    rulePriority: z.number().int().min(1),
    selection: z.object({ tagStatus: z.enum(['tagged', 'untagged', 'any']), countType: z.string(), countNumber: z.number().int().min(1) }),
    action: z.object({ type: z.string() }),
  })).min(1),
});

export function SetRepositoryPolicy(input: SetRepositoryPolicyRequest, region: Region): SetRepositoryPolicyResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  if (!isJsonOf(repositoryPolicy, input.policyText)) throw invalidParameter('PolicyText', 'Invalid repository policy provided');
  state.policyText = input.policyText;
  region.changed();
  return { ...names(state), policyText: state.policyText };
}

export function GetRepositoryPolicy(input: GetRepositoryPolicyRequest, region: Region): GetRepositoryPolicyResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  if (state.policyText === undefined) throw missing('RepositoryPolicyNotFoundException', 'Repository', state);
  return { ...names(state), policyText: state.policyText };
}

export function DeleteRepositoryPolicy(input: DeleteRepositoryPolicyRequest, region: Region): DeleteRepositoryPolicyResponse {
  const removed = GetRepositoryPolicy(input, region);
  delete requireRepository(region, input.repositoryName).policyText;
  region.changed();
  return removed;
}

export function PutLifecyclePolicy(input: PutLifecyclePolicyRequest, region: Region): PutLifecyclePolicyResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  if (!isJsonOf(lifecyclePolicy, input.lifecyclePolicyText)) throw invalidParameter('LifecyclePolicyText', 'Lifecycle policy validation failure');
  state.lifecyclePolicyText = input.lifecyclePolicyText;
  region.changed();
  return { ...names(state), lifecyclePolicyText: state.lifecyclePolicyText };
}

export function GetLifecyclePolicy(input: GetLifecyclePolicyRequest, region: Region): GetLifecyclePolicyResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  if (state.lifecyclePolicyText === undefined) throw missing('LifecyclePolicyNotFoundException', 'Lifecycle', state);
  return { ...names(state), lifecyclePolicyText: state.lifecyclePolicyText };
}

export function DeleteLifecyclePolicy(input: DeleteLifecyclePolicyRequest, region: Region): DeleteLifecyclePolicyResponse {
  const removed = GetLifecyclePolicy(input, region);
  delete requireRepository(region, input.repositoryName).lifecyclePolicyText;
  region.changed();
  return removed;
}

function names({ repository: { registryId, repositoryName } }: RepositoryState): { registryId: string; repositoryName: string } {
  return { registryId, repositoryName };
}

function missing(code: string, kind: string, state: RepositoryState): AwsError {
  const { registryId, repositoryName } = names(state);
  return new AwsError(code, `${kind} policy does not exist for the repository with name '${repositoryName}' in the registry with id '${registryId}'`);
}

function isJsonOf(shape: z.ZodType, text: string | undefined): boolean {
  try {
    return shape.safeParse(JSON.parse(text ?? '')).success;
  } catch {
    return false;
  }
}
