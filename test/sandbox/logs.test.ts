import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { clientOf, start } from './running.ts';

const logGroupName = '/ecs/app';

async function open() {
  const sandbox = await start();
  const logs = new CloudWatchLogs(clientOf(sandbox));
  await logs.createLogGroup({ logGroupName });
  return { logs, region: await sandbox.region('eu-central-1') };
}

test('groups: made once, retained, found in pages, deleted', async () => {
  const { logs } = await open();
  await expect(logs.createLogGroup({ logGroupName })).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });
  await expect(logs.createLogGroup({ logGroupName: 'a b' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(logs.putRetentionPolicy({ logGroupName, retentionInDays: 8 })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await logs.putRetentionPolicy({ logGroupName, retentionInDays: 7 });
  await logs.createLogGroup({ logGroupName: '/ecs/other' });
  await logs.createLogGroup({ logGroupName: '/lambda/x' });

  const first = await logs.describeLogGroups({ logGroupNamePrefix: '/ecs', limit: 1 });
  expect(first.logGroups).toEqual([
    expect.objectContaining({ logGroupName, retentionInDays: 7, arn: 'arn:aws:logs:eu-central-1:000000000000:log-group:/ecs/app:*' }),
  ]);
  const second = await logs.describeLogGroups({ logGroupNamePrefix: '/ecs', limit: 1, nextToken: first.nextToken });
  expect([second.logGroups?.map((group) => group.logGroupName), second.nextToken]).toEqual([['/ecs/other'], undefined]);

  await logs.deleteLogGroup({ logGroupName });
  await expect(logs.deleteLogGroup({ logGroupName })).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'The specified log group does not exist.',
  });
});

test("containers' lines appear in their stream, only in groups that are there", async () => {
  const { logs, region } = await open();
  region.logs.write(logGroupName, 'app/app/1', 'started');
  region.logs.write(logGroupName, 'app/app/1', 'listening');
  region.logs.write('/ecs/none', 'app/app/1', 'lost');
  expect([region.logs.exists(logGroupName), region.logs.exists('/ecs/none')]).toEqual([true, false]);
  const { events } = await logs.getLogEvents({ logGroupName, logStreamName: 'app/app/1' });
  expect(events?.map(({ message }) => message)).toEqual(['started', 'listening']);
  expect((await logs.describeLogStreams({ logGroupName })).logStreams).toEqual([
    expect.objectContaining({ logStreamName: 'app/app/1', lastEventTimestamp: events?.[1]?.timestamp }),
  ]);
});

test('a stream is read forwards and backwards by its tokens, and keeps its last 1000 lines', async () => {
  const { logs, region } = await open();
  const logStreamName = 's';
  for (let line = 0; line < 1_005; line += 1) {
    region.logs.write(logGroupName, logStreamName, `${line}`);
  }
  const get = async (options: { startFromHead?: boolean; limit?: number; nextToken?: string }) => {
    const { events, nextForwardToken, nextBackwardToken } = await logs.getLogEvents({ logGroupName, logStreamName, ...options });
    return { lines: events?.map(({ message }) => message), forward: nextForwardToken, back: nextBackwardToken };
  };

  const last = await get({ limit: 2 });
  expect(last.lines).toEqual(['1003', '1004']);
  const end = await get({ nextToken: last.forward });
  expect([end.lines, end.forward]).toEqual([[], last.forward]);
  expect((await get({ limit: 2, nextToken: last.back })).lines).toEqual(['1001', '1002']);
  expect((await get({ limit: 1, startFromHead: true })).lines).toEqual(['5']);

  region.logs.write(logGroupName, logStreamName, 'new');
  expect((await get({ nextToken: end.forward })).lines).toEqual(['new']);
  await expect(get({ nextToken: 'never given' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
});

test('events are put in order and searched', async () => {
  const { logs } = await open();
  const now = Date.now();
  const put = (logStreamName: string, ...lines: [number, string][]) =>
    logs.putLogEvents({ logGroupName, logStreamName, logEvents: lines.map(([age, message]) => ({ timestamp: now - age, message })) });
  await expect(put('a', [0, 'x'])).rejects.toMatchObject({ message: 'The specified log stream does not exist.' });
  await logs.createLogStream({ logGroupName, logStreamName: 'a' });
  await logs.createLogStream({ logGroupName, logStreamName: 'b' });
  await expect(put('a', [1, 'x'], [2, 'y'])).rejects.toMatchObject({ name: 'InvalidParameterException' });
  const old = await put('a', [15 * 86_400_000, 'too old'], [300, 'GET /ping 200'], [100, 'GET / 500 ERROR']);
  expect(old.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 1 });
  await put('b', [200, 'GET / 503 ERROR']);

  const search = async (filterPattern: string) => {
    const { events } = await logs.filterLogEvents({ logGroupName, filterPattern });
    return events?.map(({ logStreamName, message }) => `${logStreamName}: ${message}`);
  };
  expect(await search('')).toEqual(['a: GET /ping 200', 'b: GET / 503 ERROR', 'a: GET / 500 ERROR']);
  expect(await search('ERROR -503')).toEqual(['a: GET / 500 ERROR']);
  expect(await search('"GET / 5"')).toEqual(['b: GET / 503 ERROR', 'a: GET / 500 ERROR']);
  expect(await search('?200 ?503')).toEqual(['a: GET /ping 200', 'b: GET / 503 ERROR']);
  const first = await logs.filterLogEvents({ logGroupName, limit: 2 });
  const second = await logs.filterLogEvents({ logGroupName, limit: 2, nextToken: first.nextToken });
  expect(second.events?.map(({ message }) => message)).toEqual(['GET / 500 ERROR']);

  const streams = await logs.describeLogStreams({ logGroupName, orderBy: 'LastEventTime', descending: true });
  expect(streams.logStreams?.map(({ logStreamName }) => logStreamName)).toEqual(['a', 'b']);
});

test('tags by name and by ARN are the same tags', async () => {
  const { logs } = await open();
  const resourceArn = `arn:aws:logs:eu-central-1:000000000000:log-group:${logGroupName}`;
  await logs.tagResource({ resourceArn, tags: { a: '1', b: '2' } });
  await logs.untagLogGroup({ logGroupName, tags: ['a'] });
  expect((await logs.listTagsForResource({ resourceArn })).tags).toEqual({ b: '2' });
});
