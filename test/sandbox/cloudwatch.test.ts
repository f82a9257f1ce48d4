/** CloudWatch: what the load balancers report, when it arrives, and how it is read. */
import type { ServerResponse } from 'node:http';
import { CloudWatch, type Dimension, type GetMetricDataOutput } from '@aws-sdk/client-cloudwatch';
import { ask, blueAndGreen, eventually, FIXED, groupOf, type Lab, openLab, tally, until } from './load-balancing.ts';
import { caller, endAll, quaysOf } from './grpc-lab.ts';
import { clientOf, signatureFor } from './running.ts';

/** A minute passes in 100 ms. */
const SPEED = 600;
const Namespace = 'AWS/ApplicationELB';

let lab: Lab;
let cloudWatch: CloudWatch;
let began: Date;

async function open(pageSize?: number): Promise<void> {
  lab = await openLab({ speed: SPEED, seed: 7, ...(pageSize && { pageSize }) });
  cloudWatch = new CloudWatch(clientOf(lab.sandbox));
  began = new Date();
}

afterEach(async () => {
  cloudWatch.destroy();
  endAll();
  await lab.end();
});

function dimensions(loadBalancer: string, targetGroup?: string): Dimension[] {
  const resource = (arn: string) => arn.slice(arn.lastIndexOf(':') + 1);
  return [
    { Name: 'LoadBalancer', Value: resource(loadBalancer).replace('loadbalancer/', '') },
    ...(targetGroup ? [{ Name: 'TargetGroup', Value: resource(targetGroup) }] : []),
  ];
}

/** A metric's sum since the lab was opened, as far as it has arrived. */
async function total(MetricName: string, Dimensions: Dimension[]): Promise<number> {
  const { MetricDataResults = [] } = await cloudWatch.getMetricData({
    MetricDataQueries: [{ Id: 'it', MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: 60, Stat: 'Sum' } }],
    StartTime: began,
    EndTime: new Date(),
  });
  return (MetricDataResults[0]?.Values ?? []).reduce((sum, value) => sum + value, 0);
}

async function loadBalancerOf(listener: string): Promise<string> {
  return (await lab.elb.describeListeners({ ListenerArns: [listener] })).Listeners?.[0]?.LoadBalancerArn ?? '';
}

describe('what is reported', () => {
  beforeEach(() => open());

  test('requests and answers, for the load balancer and for each target group', async () => {
    const { blue, green, listener } = await blueAndGreen(lab, 50, 50);
    const loadBalancer = await loadBalancerOf(listener);
    const seen = await tally(lab.url, 200);
    const totals = async (metric: string) => ({
      all: await total(metric, dimensions(loadBalancer)),
      blue: await total(metric, dimensions(loadBalancer, blue)),
      green: await total(metric, dimensions(loadBalancer, green)),
    });
    const expected = { all: 200, blue: seen['blue'], green: seen['green'] };
    // An answer may be of a later minute than its request, and arrive later.
    await eventually(() => totals('HTTPCode_Target_2XX_Count'), expected);
    expect(await totals('RequestCount')).toEqual(expected);
    expect(await totals('HTTPCode_Target_5XX_Count')).toEqual({ all: 0, blue: 0, green: 0 });
    expect(await total('RequestCount', dimensions(loadBalancer, blue).slice(1))).toBe(0);

    const { Label, Datapoints = [] } = await cloudWatch.getMetricStatistics({
      Namespace,
      MetricName: 'TargetResponseTime',
      Dimensions: dimensions(loadBalancer),
      StartTime: began,
      EndTime: new Date(),
      Period: 86_400,
      Statistics: ['SampleCount', 'Average', 'Maximum'],
    });
    expect(Label).toBe('TargetResponseTime');
    expect(Datapoints).toEqual([expect.objectContaining({ Unit: 'Seconds', SampleCount: 200 })]);
    expect(Datapoints[0]?.Average).toBeGreaterThan(0);
    expect(Datapoints[0]?.Maximum).toBeGreaterThan(Datapoints[0]?.Average ?? 1);
  });

  test('calls of gRPC as requests, by their status of HTTP', async () => {
    const { group, listener } = await quaysOf(lab, 'quay');
    const client = caller(lab);
    for (let i = 0; i < 20; i++) await client.hail(i % 2 === 0 ? 'boat' : 'nobody');
    const count = async (metric: string) => total(metric, dimensions(await loadBalancerOf(listener), group));
    await eventually(async () => ({ answers: await count('HTTPCode_Target_2XX_Count') }), { answers: 20 });
    expect(await count('RequestCount')).toBe(20);
  });

  test('percentiles of the response times, in seconds as they were measured, whichever way they are asked for', async () => {
    let count = 0;
    const slowly = (_request: unknown, response: ServerResponse) => setTimeout(() => response.end(), (count += 1) % 10 === 0 ? 300 : 0);
    const { group, listener } = await groupOf(lab, slowly);
    const loadBalancer = await loadBalancerOf(listener);
    await tally(lab.url, 100);
    await eventually(async () => ({ answers: await total('HTTPCode_Target_2XX_Count', dimensions(loadBalancer, group)) }), { answers: 100 });

    const metric = { Namespace, MetricName: 'TargetResponseTime', Dimensions: dimensions(loadBalancer, group) };
    const range = { StartTime: began, EndTime: new Date() };
    const ExtendedStatistics = ['p50', 'p95', 'p99.9'];
    // All in one period, as far as a day is over at this speed.
    const { Datapoints = [] } = await cloudWatch.getMetricStatistics({ ...metric, ...range, Period: 86_400, ExtendedStatistics });
    const [{ ExtendedStatistics: seen = {} } = {}] = Datapoints;
    expect(Datapoints).toEqual([{ Timestamp: expect.any(Date), Unit: 'Seconds', ExtendedStatistics: expect.anything() }]);
    // 300 ms, one in ten; timers may be a little early, and a busy machine makes everything slower.
    expect(seen['p95']).toBeGreaterThan(0.29);
    expect(seen['p99.9']).toBeGreaterThanOrEqual(seen['p95'] ?? 0);
    expect(seen['p50']).toBeLessThan(seen['p95'] ?? 0);

    const query = (Stat: string, index: number) => ({ Id: `m${index}`, MetricStat: { Metric: metric, Period: 86_400, Stat } });
    const { MetricDataResults = [] } = await cloudWatch.getMetricData({ ...range, MetricDataQueries: ExtendedStatistics.map(query) });
    expect(MetricDataResults.map(({ Values }) => Values)).toEqual(ExtendedStatistics.map((name) => [seen[name]]));
  });

  test("targets' errors apart from the load balancer's own", async () => {
    const { group, listener, targets } = await groupOf(lab, (_request, response) => response.writeHead(500).end());
    const loadBalancer = await loadBalancerOf(listener);
    await tally(lab.url, 5);
    targets[0]?.server.close();
    targets[0]?.server.closeAllConnections();
    expect((await ask(lab.url)).status).toBe(502);
    await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [FIXED] });
    expect((await ask(lab.url)).status).toBe(503);

    const totals = async () => ({
      requests: await total('RequestCount', dimensions(loadBalancer, group)),
      byTarget: await total('HTTPCode_Target_5XX_Count', dimensions(loadBalancer, group)),
      byLoadBalancer: await total('HTTPCode_ELB_5XX_Count', dimensions(loadBalancer)),
      refused: await total('TargetConnectionErrorCount', dimensions(loadBalancer, group)),
    });
    await eventually(totals, { requests: 6, byTarget: 5, byLoadBalancer: 2, refused: 1 });
  });
});

describe('pages', () => {
  test('of GetMetricData are cut by data points, and miss nothing', async () => {
    await open();
    const { blue, green, listener } = await blueAndGreen(lab, 50, 50);
    const loadBalancer = await loadBalancerOf(listener);
    // Two minutes of data for both groups.
    await tally(lab.url, 50);
    const nextMinute = Date.now() + 60_000 / SPEED;
    await until(() => Date.now() > nextMinute);
    await tally(lab.url, 50);
    await eventually(async () => ({ all: await total('RequestCount', dimensions(loadBalancer)) }), { all: 100 });

    const MetricDataQueries = [blue, green].map((group, index) => ({
      Id: `m${index}`,
      MetricStat: {
        Metric: { Namespace, MetricName: 'RequestCount', Dimensions: dimensions(loadBalancer, group) },
        Period: 60,
        Stat: 'Sum',
      },
    }));
    const range = { MetricDataQueries, StartTime: began, EndTime: new Date() };
    const pointsOf = ({ MetricDataResults = [] }: GetMetricDataOutput) =>
      MetricDataResults.flatMap(({ Id, Timestamps = [], Values }) => Timestamps.map((at, index) => [Id, at.getTime(), Values?.[index]]));
    const points = pointsOf(await cloudWatch.getMetricData(range));
    const ascending = pointsOf(await cloudWatch.getMetricData({ ...range, ScanBy: 'TimestampAscending' }));
    const ofGroup = (id: string, among: typeof points) => among.filter(([Id]) => Id === id);
    expect(points.length).toBeGreaterThanOrEqual(4);
    for (const id of ['m0', 'm1']) expect(ofGroup(id, ascending)).toEqual(ofGroup(id, points).toReversed());

    const paged: typeof points = [];
    let NextToken: string | undefined;
    do {
      const page = await cloudWatch.getMetricData({ ...range, MaxDatapoints: 3, NextToken });
      expect(pointsOf(page).length).toBeLessThanOrEqual(3);
      expect(page.MetricDataResults?.some(({ StatusCode }) => StatusCode === 'PartialData')).toBe(page.NextToken !== undefined);
      paged.push(...pointsOf(page));
      NextToken = page.NextToken;
    } while (NextToken);
    expect(paged).toEqual(points);
  });

  test('of ListMetrics, by name and dimension', async () => {
    await open(2);
    const { blue, listener } = await blueAndGreen(lab, 100, 0);
    const loadBalancer = await loadBalancerOf(listener);
    await tally(lab.url, 5);
    const names = async (filter: object = {}) => {
      const found: string[] = [];
      let NextToken: string | undefined;
      do {
        const page = await cloudWatch.listMetrics({ ...filter, NextToken });
        expect(page.Metrics?.length).toBeLessThanOrEqual(2);
        for (const { MetricName, Dimensions = [] } of page.Metrics ?? []) {
          found.push(`${MetricName} ${Dimensions.map(({ Name }) => Name).join('+')}`);
        }
        NextToken = page.NextToken;
      } while (NextToken);
      return found;
    };
    const reported = ['HTTPCode_Target_2XX_Count', 'RequestCount', 'TargetResponseTime'];
    await eventually(names, reported.flatMap((name) => [`${name} LoadBalancer+TargetGroup`, `${name} LoadBalancer`]));
    const byGroup = await names({ MetricName: 'RequestCount', Dimensions: [{ Name: 'TargetGroup' }] });
    expect(byGroup).toEqual(['RequestCount LoadBalancer+TargetGroup']);
    expect(await names({ Dimensions: dimensions(loadBalancer, blue) })).toHaveLength(3);
    expect(await names({ Dimensions: [{ Name: 'LoadBalancer', Value: 'app/another/1' }] })).toEqual([]);
    expect(await names({ Namespace: 'AWS/NetworkELB' })).toEqual([]);
  });
});

describe('refusals', () => {
  const ALWAYS = { StartTime: new Date(0), EndTime: new Date(60_000) };
  const STAT = { Metric: { Namespace, MetricName: 'RequestCount' }, Period: 60, Stat: 'Sum' };

  beforeEach(() => open());

  test.each([
    ['an id', { Id: 'Big', MetricStat: STAT }, {}, 'The value Big for parameter MetricDataQueries.member.1.Id is not matching the expected pattern'],
    ['a statistic', { Id: 'a', MetricStat: { ...STAT, Stat: 'Most' } }, {}, 'The value Most for parameter MetricDataQueries.member.1.MetricStat.Stat'],
    ['a period', { Id: 'a', MetricStat: { ...STAT, Period: 90 } }, {}, 'MetricDataQueries.member.1.MetricStat.Period must be'],
    ['metric math', { Id: 'a', Expression: '1 + 1' }, {}, 'MetricDataQueries.member.1.Expression'],
    ['no time', { Id: 'a', MetricStat: STAT }, { EndTime: ALWAYS.StartTime }, 'The parameter StartTime must not equal parameter EndTime.'],
  ])('GetMetricData: %s', async (_what, query, range, message) => {
    await expect(cloudWatch.getMetricData({ ...ALWAYS, ...range, MetricDataQueries: [query] })).rejects.toMatchObject({
      name: 'ValidationException',
      Code: 'ValidationError',
      message: expect.stringContaining(message),
    });
  });

  test('a token of nobody', async () => {
    const input = { ...ALWAYS, MetricDataQueries: [{ Id: 'a', MetricStat: STAT }], NextToken: 'x' };
    await expect(cloudWatch.getMetricData(input)).rejects.toMatchObject({ name: 'InvalidNextToken' });
    await expect(cloudWatch.listMetrics({ NextToken: 'x' })).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
  });

  test.each([
    [{ StartTime: new Date(60_001) }, 'InvalidParameterValue', 'The parameter StartTime must be less than the parameter EndTime.'],
    [{ Period: 61 }, 'InvalidParameterValue', 'The parameter Period must be'],
    [{ Statistics: [] }, 'InvalidParameterCombination', 'Must specify either'],
    [{ Statistics: [], ExtendedStatistics: ['p101'] }, 'InvalidParameterValue', 'The value p101 for parameter ExtendedStatistics.member.1'],
    [{ EndTime: new Date(86_460_000) }, 'InvalidParameterCombination', 'You have requested up to 1,441 datapoints'],
  ])('GetMetricStatistics: %o', async (change, code, message) => {
    const input = { Namespace, MetricName: 'RequestCount', Period: 60, Statistics: ['Sum' as const], ...ALWAYS, ...change };
    await expect(cloudWatch.getMetricStatistics(input)).rejects.toMatchObject({
      name: `${code}Exception`,
      Code: code,
      message: expect.stringContaining(message),
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('awsJson1.0 is spoken, and no other', async () => {
    const call = (contentType: string) =>
      fetch(lab.sandbox.url, {
        method: 'POST',
        headers: {
          authorization: signatureFor('monitoring'),
          'x-amz-target': 'GraniteServiceVersion20100801.ListMetrics',
          'content-type': contentType,
        },
        body: '{}',
      });
    const answer = await call('application/x-amz-json-1.0');
    expect(answer.headers.get('content-type')).toBe('application/x-amz-json-1.0');
    expect(await answer.json()).toEqual({ Metrics: [] });
    expect(await (await call('application/x-amz-json-1.1')).json()).toEqual({ __type: 'UnknownOperationException' });
  });
});
