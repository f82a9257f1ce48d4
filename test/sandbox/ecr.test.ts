/** The ECR API as the SDK's client sees it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchCheckLayerAvailabilityCommand, BatchDeleteImageCommand, BatchGetImageCommand, CreateRepositoryCommand, DeleteLifecyclePolicyCommand,
  DeleteRepositoryCommand, DescribeImagesCommand, DescribeRepositoriesCommand, ECRClient, GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand, GetLifecyclePolicyCommand, GetRepositoryPolicyCommand, ListImagesCommand, ListTagsForResourceCommand, PutImageCommand,
  PutImageScanningConfigurationCommand, PutImageTagMutabilityCommand, PutLifecyclePolicyCommand, SetRepositoryPolicyCommand, TagResourceCommand,
  UntagResourceCommand, paginateDescribeRepositories, paginateListImages,
} from '@aws-sdk/client-ecr';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { pushFiles } from './push.ts';

const ACCOUNT = '111122223333';
let dir: string;
let sandbox: Sandbox;
let ecr: ECRClient;

const client = () => new ECRClient({ endpoint: sandbox.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ecr-'));
  sandbox = await startSandbox({ port: 0, dir, account: ACCOUNT });
  ecr = client();
});

afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

async function create(repositoryName: string, imageTagMutability: 'MUTABLE' | 'IMMUTABLE' = 'MUTABLE') {
  await ecr.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability }));
  return repositoryName;
}

/** Pushes an image whose one file says `content`. */
const push = (repository: string, tag: string, content: string) => pushFiles(ecr, repository, tag, { 'index.js': content });

test('a repository has the address of the registry on the same port', async () => {
  const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName: 'echo/server', tags: [{ Key: 'team', Value: 'a' }] }));
  expect(repository).toMatchObject({
    repositoryArn: `arn:aws:ecr:us-east-1:${ACCOUNT}:repository/echo/server`,
    registryId: ACCOUNT,
    repositoryName: 'echo/server',
    repositoryUri: `127.0.0.1:${sandbox.port}/echo/server`,
    imageTagMutability: 'MUTABLE',
    imageScanningConfiguration: { scanOnPush: false },
    encryptionConfiguration: { encryptionType: 'AES256' },
  });
  expect(repository?.createdAt).toBeInstanceOf(Date);
  const { repositories } = await ecr.send(new DescribeRepositoriesCommand({ repositoryNames: ['echo/server'] }));
  expect(repositories).toEqual([repository]);
});

test.each(['Echo', 'a', 'echo//server', '-x', 'constructor/'])('the name %s is refused', async (repositoryName) => {
  await expect(ecr.send(new CreateRepositoryCommand({ repositoryName }))).rejects.toMatchObject({ name: 'InvalidParameterException' });
});

test('what is there already, not there, or not empty is refused in the words of AWS', async () => {
  const name = await create('refusals');
  await expect(ecr.send(new CreateRepositoryCommand({ repositoryName: name }))).rejects.toMatchObject({
    name: 'RepositoryAlreadyExistsException',
    message: `The repository with name 'refusals' already exists in the registry with id '${ACCOUNT}'`,
  });
  await expect(ecr.send(new DescribeImagesCommand({ repositoryName: 'nowhere' }))).rejects.toMatchObject({
    name: 'RepositoryNotFoundException',
    message: `The repository with name 'nowhere' does not exist in the registry with id '${ACCOUNT}'`,
  });
  await expect(ecr.send(new DescribeRepositoriesCommand({ repositoryNames: ['constructor'] }))).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });
  await expect(ecr.send(new DescribeImagesCommand({ repositoryName: name, imageIds: [{ imageTag: '9' }] }))).rejects.toMatchObject({
    name: 'ImageNotFoundException',
    message: `The image with imageId {imageDigest:'null', imageTag:'9'} does not exist within the repository with name 'refusals' in the registry with id '${ACCOUNT}'`,
  });
  await push(name, '1', 'one');
  await expect(ecr.send(new DeleteRepositoryCommand({ repositoryName: name }))).rejects.toMatchObject({ name: 'RepositoryNotEmptyException' });
  await ecr.send(new DeleteRepositoryCommand({ repositoryName: name, force: true }));
  await expect(ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }))).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });
});

test('an image shows its tags, size and time, and a moved tag leaves the old image untagged', async () => {
  const name = await create('images');
  const before = Date.now();
  const first = await push(name, '1.0', 'one');
  await push(name, 'latest', 'one');
  const second = await push(name, 'latest', 'two');
  const { imageDetails = [] } = await ecr.send(new DescribeImagesCommand({ repositoryName: name }));
  expect(imageDetails.map(({ imageDigest, imageTags }) => [imageDigest, imageTags])).toEqual([[first, ['1.0']], [second, ['latest']]]);
  expect(imageDetails[0]?.imageSizeInBytes).toBeGreaterThan(100);
  expect(imageDetails[0]?.imagePushedAt?.getTime()).toBeGreaterThan(before - 1000);

  const third = await push(name, '1.0', 'three');
  const list = (tagStatus: 'TAGGED' | 'UNTAGGED') => ecr.send(new ListImagesCommand({ repositoryName: name, filter: { tagStatus } }));
  expect((await list('UNTAGGED')).imageIds).toEqual([{ imageDigest: first }]);
  expect((await list('TAGGED')).imageIds).toEqual([{ imageDigest: second, imageTag: 'latest' }, { imageDigest: third, imageTag: '1.0' }]);
});

test('a layer is read by an address that nobody can make up', async () => {
  const repositoryName = await create('layers');
  await push(repositoryName, '1', 'one');
  const { images } = await ecr.send(new BatchGetImageCommand({ repositoryName, imageIds: [{ imageTag: '1' }] }));
  const { config } = JSON.parse(images?.[0]?.imageManifest ?? '');
  const { downloadUrl = '', layerDigest } = await ecr.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: config.digest }));
  expect(layerDigest).toBe(config.digest);
  expect(await (await fetch(downloadUrl)).json()).toMatchObject({ os: 'linux', architecture: 'amd64' });
  const changed = downloadUrl.replace(/expires=\d/, 'expires=9');
  expect((await fetch(changed)).status).toBe(403);
  expect((await fetch(downloadUrl.replace(/\?.*/, ''))).status).toBe(403);

  const none = `sha256:${'0'.repeat(64)}`;
  await expect(ecr.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: none }))).rejects.toMatchObject({ name: 'LayersNotFoundException' });
  await expect(ecr.send(new GetDownloadUrlForLayerCommand({ repositoryName: 'nowhere', layerDigest: none }))).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });
});

test('an immutable tag stays with its image, in PutImage too', async () => {
  const name = await create('immutable', 'IMMUTABLE');
  const first = await push(name, '1', 'one');
  const other = await push(name, '2', 'two');
  const { images = [] } = await ecr.send(new BatchGetImageCommand({ repositoryName: name, imageIds: [{ imageTag: '2' }] }));
  const imageManifest = images[0]?.imageManifest;
  await expect(ecr.send(new PutImageCommand({ repositoryName: name, imageManifest, imageTag: '1' }))).rejects.toMatchObject({
    name: 'ImageTagAlreadyExistsException',
    message: "The image tag '1' already exists in the 'immutable' repository and cannot be overwritten because the tag is immutable.",
  });
  await expect(ecr.send(new PutImageCommand({ repositoryName: name, imageManifest, imageTag: '2' }))).rejects.toMatchObject({ name: 'ImageAlreadyExistsException' });
  const put = await ecr.send(new PutImageCommand({ repositoryName: name, imageManifest, imageTag: '2-again' }));
  expect(put.image?.imageId).toEqual({ imageDigest: other, imageTag: '2-again' });

  await ecr.send(new PutImageTagMutabilityCommand({ repositoryName: name, imageTagMutability: 'MUTABLE' }));
  await ecr.send(new PutImageCommand({ repositoryName: name, imageManifest, imageTag: '1' }));
  const { imageDetails } = await ecr.send(new DescribeImagesCommand({ repositoryName: name, imageIds: [{ imageTag: '1' }] }));
  expect(imageDetails?.[0]?.imageDigest).toBe(other);
  expect(first).not.toBe(other);
});

test('PutImage refuses what is no manifest, and layers that were never uploaded', async () => {
  const name = await create('manifests');
  const put = (imageManifest: string) => ecr.send(new PutImageCommand({ repositoryName: name, imageManifest, imageTag: '1' }));
  await expect(put('{}')).rejects.toMatchObject({ name: 'InvalidParameterException' });
  const digest = `sha256:${'a'.repeat(64)}`;
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const descriptor = { mediaType: 'application/octet-stream', digest, size: 1 };
  await expect(put(JSON.stringify({ schemaVersion: 2, mediaType, config: descriptor, layers: [] }))).rejects.toMatchObject({ name: 'LayersNotFoundException' });
  const { layers, failures } = await ecr.send(new BatchCheckLayerAvailabilityCommand({ repositoryName: name, layerDigests: [digest, 'x'] }));
  expect(layers).toEqual([{ layerDigest: digest, layerAvailability: 'UNAVAILABLE' }]);
  expect(failures).toEqual([expect.objectContaining({ layerDigest: 'x', failureCode: 'InvalidLayerDigest' })]);
});

test('deleting by tag takes the image with its last tag; deleting by digest takes it with all', async () => {
  const name = await create('deletions');
  const digest = await push(name, 'a', 'one');
  await push(name, 'b', 'one');
  const remove = async (imageIds: { imageTag?: string; imageDigest?: string }[]) => {
    const { imageIds: removed, failures } = await ecr.send(new BatchDeleteImageCommand({ repositoryName: name, imageIds }));
    return { removed, codes: failures?.map(({ failureCode }) => failureCode) };
  };
  expect(await remove([{ imageTag: 'a' }, { imageTag: 'nope' }, {}])).toEqual({
    removed: [{ imageDigest: digest, imageTag: 'a' }],
    codes: ['ImageNotFound', 'MissingDigestAndTag'],
  });
  await push(name, 'c', 'one');
  expect(await remove([{ imageDigest: digest }])).toEqual({
    removed: [{ imageDigest: digest, imageTag: 'b' }, { imageDigest: digest, imageTag: 'c' }],
    codes: [],
  });
  expect((await ecr.send(new ListImagesCommand({ repositoryName: name }))).imageIds).toEqual([]);
});

test('lists come in pages, and a token that was not given out is refused', async () => {
  const name = await create('pages');
  for (const tag of ['a', 'b', 'c', 'd', 'e']) await push(name, tag, 'one');
  const pages: number[] = [];
  for await (const { imageIds = [] } of paginateListImages({ client: ecr, pageSize: 2 }, { repositoryName: name })) pages.push(imageIds.length);
  expect(pages).toEqual([2, 2, 1]);
  for await (const { repositories = [] } of paginateDescribeRepositories({ client: ecr, pageSize: 1 }, {})) expect(repositories).toHaveLength(1);
  await expect(ecr.send(new ListImagesCommand({ repositoryName: name, nextToken: 'made-up' }))).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(ecr.send(new ListImagesCommand({ repositoryName: name, maxResults: 1001 }))).rejects.toMatchObject({ name: 'InvalidParameterException' });
});

test('policies and scan settings are kept, given back and deleted', async () => {
  const repositoryName = await create('policies');
  await expect(ecr.send(new GetLifecyclePolicyCommand({ repositoryName }))).rejects.toMatchObject({
    name: 'LifecyclePolicyNotFoundException',
    message: `Lifecycle policy does not exist for the repository with name 'policies' in the registry with id '${ACCOUNT}'`,
  });
  await expect(ecr.send(new GetRepositoryPolicyCommand({ repositoryName }))).rejects.toMatchObject({ name: 'RepositoryPolicyNotFoundException' });
  await expect(ecr.send(new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText: '{"rules":[]}' }))).rejects.toMatchObject({ name: 'InvalidParameterException' });
  const lifecyclePolicyText = JSON.stringify({
    rules: [{ rulePriority: 1, selection: { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 14 }, action: { type: 'expire' } }],
  });
  await ecr.send(new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText }));
  expect(await ecr.send(new GetLifecyclePolicyCommand({ repositoryName }))).toMatchObject({ repositoryName, lifecyclePolicyText });
  await ecr.send(new DeleteLifecyclePolicyCommand({ repositoryName }));
  await expect(ecr.send(new GetLifecyclePolicyCommand({ repositoryName }))).rejects.toMatchObject({ name: 'LifecyclePolicyNotFoundException' });

  const policyText = JSON.stringify({ Version: '2008-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 'ecr:BatchGetImage' }] });
  await ecr.send(new SetRepositoryPolicyCommand({ repositoryName, policyText }));
  expect(await ecr.send(new GetRepositoryPolicyCommand({ repositoryName }))).toMatchObject({ registryId: ACCOUNT, policyText });

  await ecr.send(new PutImageScanningConfigurationCommand({ repositoryName, imageScanningConfiguration: { scanOnPush: true } }));
  const { repositories } = await ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }));
  expect(repositories?.[0]?.imageScanningConfiguration).toEqual({ scanOnPush: true });
});

test('tags of a repository are added, replaced and removed', async () => {
  await create('labels');
  const resourceArn = `arn:aws:ecr:us-east-1:${ACCOUNT}:repository/labels`;
  await ecr.send(new TagResourceCommand({ resourceArn, tags: [{ Key: 'a', Value: '1' }, { Key: 'b', Value: '2' }] }));
  await ecr.send(new TagResourceCommand({ resourceArn, tags: [{ Key: 'b', Value: '3' }] }));
  await ecr.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a'] }));
  expect((await ecr.send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual([{ Key: 'b', Value: '3' }]);
});

test('a token is for AWS, good for twelve hours, and names the registry', async () => {
  const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
  const [{ authorizationToken = '', expiresAt, proxyEndpoint } = {}] = authorizationData;
  expect(Buffer.from(authorizationToken, 'base64').toString()).toMatch(/^AWS:.{20,}$/);
  expect(proxyEndpoint).toBe(sandbox.url);
  const hours = ((expiresAt?.getTime() ?? 0) - Date.now()) / 3_600_000;
  expect(hours).toBeGreaterThan(11.9);
  expect(hours).toBeLessThanOrEqual(12);
});

test('repositories, images and tokens are there again after a restart, on another port', async () => {
  const name = await create('durable');
  const digest = await push(name, '1', 'one');
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
  await sandbox.stop();
  sandbox = await startSandbox({ port: 0, dir, account: ACCOUNT });
  ecr = client();

  const { repositories } = await ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }));
  expect(repositories?.[0]?.repositoryUri).toBe(`127.0.0.1:${sandbox.port}/durable`);
  const manifest = await fetch(`${sandbox.url}/v2/durable/manifests/1`, { headers: { authorization: `Basic ${authorizationData?.[0]?.authorizationToken}` } });
  expect(manifest.headers.get('docker-content-digest')).toBe(digest);
  await (await sandbox.region('us-east-1')).images.prepare(`127.0.0.1:${sandbox.port}/durable@${digest}`);
});
