/** Repositories and their settings. */
import type {
  CreateRepositoryRequest, CreateRepositoryResponse, DeleteRepositoryRequest, DeleteRepositoryResponse, DescribeRepositoriesRequest,
  DescribeRepositoriesResponse, ImageTagMutabilityExclusionFilter, PutImageScanningConfigurationRequest, PutImageScanningConfigurationResponse,
  PutImageTagMutabilityRequest, PutImageTagMutabilityResponse,
} from '@aws-sdk/client-ecr';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { findRepository, requireRepository } from '../../world/ecr-images.ts';
import { invalidParameter, page, requireMatch } from './parameters.ts';

const REPOSITORY_NAME = /(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*/;
const TAG_FILTER = /[0-9a-zA-Z._*-]{1,128}/;

export function CreateRepository(input: CreateRepositoryRequest, region: Region): CreateRepositoryResponse {
  const { repositoryName = '', tags = [], imageTagMutability = 'MUTABLE', imageTagMutabilityExclusionFilters } = input;
  requireMatch('repositoryName', repositoryName, REPOSITORY_NAME);
  if (repositoryName.length < 2 || repositoryName.length > 256) throw invalidParameter('repositoryName', 'must have length between 2 and 256');
  requireFilters(imageTagMutability, imageTagMutabilityExclusionFilters);
  const { account } = region.config;
  if (findRepository(region, repositoryName)) {
    throw new AwsError('RepositoryAlreadyExistsException', `The repository with name '${repositoryName}' already exists in the registry with id '${account}'`);
  }

  const repository = {
    repositoryArn: region.arn('ecr', `repository/${repositoryName}`),
    registryId: account,
    repositoryName,
    createdAt: region.clock.now(),
    imageTagMutability,
    imageTagMutabilityExclusionFilters,
    imageScanningConfiguration: { scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false },
    encryptionConfiguration: input.encryptionConfiguration ?? { encryptionType: 'AES256' as const },
  };
  region.state.ecr.repositories.push({ repository, tags, layers: [], images: [] });
  region.changed();
  return { repository: reachable(repository, region) };
}

export function DescribeRepositories(input: DescribeRepositoriesRequest, region: Region): DescribeRepositoriesResponse {
  const { registryId, repositoryNames, maxResults, nextToken } = input;
  if (repositoryNames) {
    if (maxResults !== undefined || nextToken !== undefined) {
      throw new AwsError('InvalidParameterException', 'Invalid parameter: maxResults and nextToken cannot be used with repositoryNames');
    }
    return { repositories: repositoryNames.map((name) => reachable(requireRepository(region, name, registryId).repository, region)) };
  }
  const repositories = region.state.ecr.repositories.map(({ repository }) => reachable(repository, region));
  const { items, nextToken: next } = page(region, repositories, { maxResults, nextToken });
  return { repositories: items, nextToken: next };
}

export function DeleteRepository({ repositoryName, registryId, force = false }: DeleteRepositoryRequest, region: Region): DeleteRepositoryResponse {
  const state = requireRepository(region, repositoryName, registryId);
  if (state.images.length > 0 && !force) {
    throw new AwsError(
      'RepositoryNotEmptyException',
      `The repository with name '${repositoryName}' in registry with id '${region.config.account}' cannot be deleted because it still contains images`,
    );
  }
  const { ecr } = region.state;
  ecr.repositories = ecr.repositories.filter((other) => other !== state);
  region.changed();
  return { repository: reachable(state.repository, region) };
}

export function PutImageTagMutability(input: PutImageTagMutabilityRequest, region: Region): PutImageTagMutabilityResponse {
  const { imageTagMutability, imageTagMutabilityExclusionFilters } = input;
  const { repository } = requireRepository(region, input.repositoryName, input.registryId);
  requireFilters(imageTagMutability, imageTagMutabilityExclusionFilters);
  Object.assign(repository, { imageTagMutability, imageTagMutabilityExclusionFilters });
  region.changed();
  const { registryId, repositoryName } = repository;
  return { registryId, repositoryName, imageTagMutability, imageTagMutabilityExclusionFilters };
}

export function PutImageScanningConfiguration(input: PutImageScanningConfigurationRequest, region: Region): PutImageScanningConfigurationResponse {
  const { repository } = requireRepository(region, input.repositoryName, input.registryId);
  const imageScanningConfiguration = { scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false };
  repository.imageScanningConfiguration = imageScanningConfiguration;
  region.changed();
  const { registryId, repositoryName } = repository;
  return { registryId, repositoryName, imageScanningConfiguration };
}

/** A sandbox that was started again may listen on another port: the address of its registry is not durable. */
function reachable<T extends { repositoryName: string }>(repository: T, region: Region): T & { repositoryUri: string } {
  return { ...repository, repositoryUri: `127.0.0.1:${region.config.port}/${repository.repositoryName}` };
}

function requireFilters(mutability: string | undefined, filters: readonly ImageTagMutabilityExclusionFilter[] | undefined): void {
  for (const { filter } of filters ?? []) requireMatch('imageTagMutabilityExclusionFilters', filter, TAG_FILTER);
  const wanted = mutability?.endsWith('_WITH_EXCLUSION') ?? false;
  if (wanted !== (filters !== undefined && filters.length > 0)) {
    const rule = `${wanted ? 'must' : 'cannot'} be given with imageTagMutability ${mutability}`;
    throw new AwsError('InvalidParameterException', `Invalid parameter: imageTagMutabilityExclusionFilters ${rule}`);
  }
}
