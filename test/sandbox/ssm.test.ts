import { SSM } from '@aws-sdk/client-ssm';
import { clientOf, start } from './running.ts';

const type = 'String';

async function open() {
  return new SSM(clientOf(await start()));
}

test('only one of many creates a name without overwriting', async () => {
  const ssm = await open();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, run) => ssm.putParameter({ Name: '/lock/1', Value: `run ${run}`, Type: type, Overwrite: false })),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { name: 'ParameterAlreadyExists' } });
});

test('versions count up, 100 are kept, and each can be asked for', async () => {
  const ssm = await open();
  for (let version = 1; version <= 102; version += 1) {
    const put = await ssm.putParameter({ Name: 'counted', Value: `v${version}`, Type: type, Overwrite: true });
    expect(put).toMatchObject({ Version: version, Tier: 'Standard' });
  }
  expect((await ssm.getParameter({ Name: 'counted' })).Parameter).toMatchObject({ Value: 'v102', Version: 102, DataType: 'text' });
  expect((await ssm.getParameter({ Name: 'counted:3' })).Parameter).toMatchObject({ Value: 'v3', Selector: ':3' });
  await expect(ssm.getParameter({ Name: 'counted:2' })).rejects.toMatchObject({ name: 'ParameterVersionNotFound' });

  const first = await ssm.getParameterHistory({ Name: 'counted' });
  const second = await ssm.getParameterHistory({ Name: 'counted', NextToken: first.NextToken });
  const versions = [first, second].map(({ Parameters }) => Parameters?.map(({ Version }) => Version));
  expect(versions).toEqual([Array.from({ length: 50 }, (_, index) => index + 3), Array.from({ length: 50 }, (_, index) => index + 53)]);
  expect(second.NextToken).toBeUndefined();
});

test('values end at 4 KB, advanced ones at 8 KB', async () => {
  const ssm = await open();
  await expect(ssm.putParameter({ Name: 'a', Value: 'x'.repeat(4_097), Type: type })).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('maximum parameter value of 4096 characters'),
  });
  await expect(ssm.putParameter({ Name: 'a', Value: 'x'.repeat(4_096), Type: type })).resolves.toMatchObject({ Tier: 'Standard' });
  await expect(ssm.putParameter({ Name: 'b', Value: 'x'.repeat(8_193), Type: type, Tier: 'Advanced' })).rejects.toMatchObject({
    name: 'ValidationException',
  });
  await expect(ssm.putParameter({ Name: 'c', Value: 'x'.repeat(4_097), Type: type, Tier: 'Intelligent-Tiering' })).resolves.toMatchObject({
    Tier: 'Advanced',
  });
});

test.each([
  ['ssm-name', 'ValidationException'],
  ['AWS/name', 'AccessDeniedException'],
  ['a/b', 'ValidationException'],
  ['/a//b', 'ValidationException'],
  ['a b', 'ValidationException'],
  [`/${Array.from({ length: 16 }, () => 'x').join('/')}`, 'HierarchyLevelLimitExceededException'],
])('refuses the name %s', async (Name, name) => {
  await expect((await open()).putParameter({ Name, Value: 'v', Type: type })).rejects.toMatchObject({ name });
});

test('lists by path, ten a page, below it or all the way down', async () => {
  const ssm = await open();
  const names = Array.from({ length: 12 }, (_, index) => `/p/x/${String(index).padStart(2, '0')}`);
  for (const Name of [...names, '/p/top', '/px/other', 'root']) {
    await ssm.putParameter({ Name, Value: 'v', Type: type });
  }
  const list = async (Path: string, Recursive?: boolean) => {
    const pages: (string | undefined)[][] = [];
    let NextToken: string | undefined;
    do {
      const page = await ssm.getParametersByPath({ Path, Recursive, NextToken });
      pages.push(page.Parameters?.map(({ Name }) => Name) ?? []);
      ({ NextToken } = page);
    } while (NextToken !== undefined);
    return pages;
  };
  expect(await list('/p/x/')).toEqual([names.slice(0, 10), names.slice(10)]);
  expect(await list('/p')).toEqual([['/p/top']]);
  expect(await list('/p', true)).toEqual([['/p/top', ...names].toSorted().slice(0, 10), ['/p/top', ...names].toSorted().slice(10)]);
  expect(await list('/')).toEqual([['root']]);
  await expect(ssm.getParametersByPath({ Path: '/p', NextToken: 'never given' })).rejects.toMatchObject({ name: 'InvalidNextToken' });
  await expect(ssm.getParametersByPath({ Path: '/p', MaxResults: 11 })).rejects.toMatchObject({ name: 'ValidationException' });
});

test('describes with filters', async () => {
  const ssm = await open();
  await ssm.putParameter({ Name: '/app/a', Value: 'v', Type: 'String', Description: 'first', Tags: [{ Key: 'team', Value: 'x' }] });
  await ssm.putParameter({ Name: '/app/deep/b', Value: 'v', Type: 'SecureString' });
  await ssm.putParameter({ Name: '/other', Value: 'a,b', Type: 'StringList', Tier: 'Advanced' });
  const named = async (Key: string, Option: string | undefined, ...Values: string[]) => {
    const { Parameters } = await ssm.describeParameters({ ParameterFilters: [{ Key, Option, Values }] });
    return Parameters?.map(({ Name }) => Name);
  };
  expect(await named('Name', 'BeginsWith', '/app')).toEqual(['/app/a', '/app/deep/b']);
  expect(await named('Name', undefined, '/other')).toEqual(['/other']);
  expect(await named('Path', 'OneLevel', '/app')).toEqual(['/app/a']);
  expect(await named('Path', 'Recursive', '/app')).toEqual(['/app/a', '/app/deep/b']);
  expect(await named('Type', 'Equals', 'SecureString', 'StringList')).toEqual(['/app/deep/b', '/other']);
  expect(await named('Tier', 'Equals', 'Advanced')).toEqual(['/other']);
  expect(await named('tag:team', 'Equals', 'x')).toEqual(['/app/a']);
  await expect(named('Colour', 'Equals', 'x')).rejects.toMatchObject({ name: 'InvalidFilterKey' });
  expect((await ssm.describeParameters({ MaxResults: 1 })).Parameters).toEqual([
    expect.objectContaining({
      Name: '/app/a',
      ARN: 'arn:aws:ssm:eu-central-1:000000000000:parameter/app/a',
      Description: 'first',
      Version: 1,
      LastModifiedUser: 'arn:aws:iam::000000000000:user/sandbox',
    }),
  ]);
});

test('deletes, and says what was not there', async () => {
  const ssm = await open();
  await ssm.putParameter({ Name: 'a', Value: 'v', Type: type });
  expect(await ssm.deleteParameters({ Names: ['a', 'b'] })).toMatchObject({ DeletedParameters: ['a'], InvalidParameters: ['b'] });
  await expect(ssm.deleteParameter({ Name: 'a' })).rejects.toMatchObject({ name: 'ParameterNotFound' });
  await expect(ssm.getParameters({ Names: Array.from({ length: 11 }, (_, index) => `n${index}`) })).rejects.toMatchObject({
    name: 'ValidationException',
  });
});

test('a secure string is shown only when asked', async () => {
  const ssm = await open();
  await ssm.putParameter({ Name: 'secret', Value: 'geheim', Type: 'SecureString' });
  expect((await ssm.getParameter({ Name: 'secret' })).Parameter?.Value).not.toContain('geheim');
  expect((await ssm.getParameter({ Name: 'secret', WithDecryption: true })).Parameter?.Value).toBe('geheim');
});

test('an expiration policy needs the advanced tier and takes effect', async () => {
  const ssm = await open();
  const parameter = { Name: 'short', Value: 'v', Type: type } as const;
  await expect(ssm.putParameter({ ...parameter, Policies: until('2999-01-01T00:00:00Z') })).rejects.toMatchObject({
    name: 'ValidationException',
  });
  await ssm.putParameter({ ...parameter, Tier: 'Advanced', Policies: until('2999-01-01T00:00:00Z') });
  const { Parameters } = await ssm.describeParameters({});
  expect(Parameters?.[0]?.Policies).toMatchObject([{ PolicyType: 'Expiration', PolicyStatus: 'Pending' }]);
  await ssm.putParameter({ ...parameter, Overwrite: true, Tier: 'Advanced', Policies: until('2020-01-01T00:00:00Z') });
  await expect(ssm.getParameter({ Name: 'short' })).rejects.toMatchObject({ name: 'ParameterNotFound' });
});

test('tags are added, replaced and removed', async () => {
  const ssm = await open();
  await ssm.putParameter({ Name: '/tagged', Value: 'v', Type: type, Tags: [{ Key: 'a', Value: '1' }] });
  const resource = { ResourceType: 'Parameter', ResourceId: '/tagged' } as const;
  await ssm.addTagsToResource({ ...resource, Tags: [{ Key: 'a', Value: '2' }, { Key: 'b', Value: '3' }] });
  await ssm.removeTagsFromResource({ ...resource, TagKeys: ['b', 'c'] });
  expect((await ssm.listTagsForResource(resource)).TagList).toEqual([{ Key: 'a', Value: '2' }]);
  await expect(ssm.listTagsForResource({ ...resource, ResourceId: '/none' })).rejects.toMatchObject({ name: 'InvalidResourceId' });
  await expect(
    ssm.putParameter({ Name: '/tagged', Value: 'v', Overwrite: true, Tags: [{ Key: 'a', Value: '3' }] }),
  ).rejects.toMatchObject({ name: 'ValidationException' });
});

function until(Timestamp: string): string {
  return JSON.stringify([{ Type: 'Expiration', Version: '1.0', Attributes: { Timestamp } }]);
}
