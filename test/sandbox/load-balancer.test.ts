/** The load balancer at work: who gets which request, and on which ports it listens. */
import http, { type RequestListener, type ServerResponse } from 'node:http';
import net from 'node:net';
import { ask, blueAndGreen, eventually, forward, groupOf, HEALTHY, isCheck, type Lab, listen, openLab, says, tally, until } from './load-balancing.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ speed: 50, seed: 7 });
});
afterEach(() => lab.end());

describe('weights', () => {
  test.each([
    [50, 50, 1_000, 423, 577],
    [90, 10, 1_000, 54, 147],
    [5, 5, 1_000, 423, 577],
    [100, 0, 1_000, 0, 0],
    [0, 1, 1_000, 1_000, 1_000],
  ])('%d to %d: of %d requests %d to %d go to the second group', async (blue, green, requests, atLeast, atMost) => {
    await blueAndGreen(lab, blue, green);
    const seen = await tally(lab.url, requests);
    expect((seen.blue ?? 0) + (seen.green ?? 0)).toBe(requests);
    expect(seen.green ?? 0).toBeGreaterThanOrEqual(atLeast);
    expect(seen.green ?? 0).toBeLessThanOrEqual(atMost);
  });

  test('a change holds from the next request on, on an open connection too', async () => {
    const { blue, green, listener } = await blueAndGreen(lab, 1, 0);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const askOnce = async () => (await ask(lab.url, { agent })).body;
    for (const [blueWeight, greenWeight, expected] of [[1, 0, 'blue'], [0, 1, 'green'], [1, 0, 'blue']] as const) {
      await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([blue, blueWeight], [green, greenWeight])] });
      expect(await askOnce()).toBe(expected);
    }
    expect(Object.values(agent.freeSockets)).toHaveLength(1);
    agent.destroy();
  });

  test('a seed makes the choices repeatable', async () => {
    const choices = async () => {
      await blueAndGreen(lab, 50, 50);
      const bodies = [];
      for (let i = 0; i < 40; i++) bodies.push((await ask(lab.url)).body);
      return bodies;
    };
    const first = await choices();
    await lab.end();
    lab = await openLab({ speed: 50, seed: 7 });
    expect(await choices()).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });

  test('all weights 0, and a share for a group without targets, are answered 503', async () => {
    const { blue, green, listener } = await blueAndGreen(lab, 0, 0);
    expect(await tally(lab.url, 10)).toEqual({ 503: 10 });
    const empty = await lab.targetGroup();
    await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([blue, 50], [green, 0], [empty, 50])] });
    const seen = await tally(lab.url, 200);
    expect(Object.keys(seen).toSorted()).toEqual(['503', 'blue']);
  });
});

describe('targets of a group', () => {
  test('take turns', async () => {
    await groupOf(lab, says('one'), says('two'), says('three'));
    expect(await tally(lab.url, 30)).toEqual({ one: 10, two: 10, three: 10 });
  });

  test('none: 503 with the page of an ALB', async () => {
    await groupOf(lab);
    const answer = await ask(lab.url);
    expect(answer).toMatchObject({ status: 503, headers: { server: 'awselb/2.0', 'content-type': 'text/html', 'content-length': '162' } });
    expect(answer.body).toContain('<center><h1>503 Service Temporarily Unavailable</h1></center>');
  });

  test('none that was checked yet: 503', async () => {
    await lab.end();
    lab = await openLab({ speed: 1 });
    const { group } = await groupOf(lab);
    await lab.target(group, says('early'));
    expect((await ask(lab.url)).status).toBe(503);
  });

  test('an unhealthy one gets nothing while another is healthy; when all are unhealthy the group fails open', async () => {
    const { group, targets } = await groupOf(lab, says('fine'));
    const sick = await lab.target(group, broken);
    await eventually(() => lab.health(group, sick), { State: 'unhealthy' });
    expect(await tally(lab.url, 20)).toEqual({ fine: 20 });
    await lab.elb.deregisterTargets({ TargetGroupArn: group, Targets: targets.map(({ Id, Port }) => ({ Id, Port })) });
    expect(await ask(lab.url)).toMatchObject({ status: 500, body: 'broken' });
  });

  test('one leaves under load without an error', async () => {
    const { group, targets: [leaving] } = await groupOf(lab, slowly('leaving'), slowly('staying'));
    const gone = new AbortController();
    const load = (async () => {
      const seen = new Set<string>();
      while (!gone.signal.aborted) for (const answer of Object.keys(await tally(lab.url, 100))) seen.add(answer);
      return seen;
    })();
    const TargetGroupArn = group;
    await lab.elb.modifyTargetGroupAttributes({
      TargetGroupArn,
      Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '10' }],
    });
    await lab.elb.deregisterTargets({ TargetGroupArn, Targets: [{ Id: leaving?.Id, Port: leaving?.Port }] });
    await until(async () => (await lab.elb.describeTargetHealth({ TargetGroupArn })).TargetHealthDescriptions?.length === 1);
    gone.abort();
    expect(await load).toEqual(new Set(['leaving', 'staying']));
    expect(await tally(lab.url, 20)).toEqual({ staying: 20 });
  });

  test('a draining one finishes what it has begun', async () => {
    const begun: ServerResponse[] = [];
    const { group, targets } = await groupOf(lab, (_request, response) => begun.push(response));
    const running = ask(lab.url);
    await until(() => begun.length === 1);
    await lab.elb.deregisterTargets({ TargetGroupArn: group, Targets: targets.map(({ Id, Port }) => ({ Id, Port })) });
    expect((await ask(lab.url)).status).toBe(503);
    begun[0]?.end('finished');
    expect(await running).toMatchObject({ status: 200, body: 'finished' });
  });

  test('connections to one are kept open, and closed when it is gone', async () => {
    const { group, targets: [target] } = await groupOf(lab, says('up'));
    const sockets = new Set<net.Socket>();
    target?.server.on('request', (request) => {
      if (!isCheck(request)) sockets.add(request.socket);
    });
    for (let i = 0; i < 10; i++) await ask(lab.url);
    expect(sockets.size).toBe(1);
    await lab.elb.modifyTargetGroupAttributes({
      TargetGroupArn: group,
      Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '0' }],
    });
    await lab.elb.deregisterTargets({ TargetGroupArn: group, Targets: [{ Id: target?.Id, Port: target?.Port }] });
    await until(() => [...sockets].every((socket) => socket.destroyed));
    expect([...sockets].every((socket) => socket.destroyed)).toBe(true);
  });

  test('one that resets the connection: 502; one that is too slow: 504', async () => {
    await groupOf(lab, (request, response) => {
      if (request.url === '/reset') request.socket.destroy();
      else setTimeout(() => response.end('late'), 3_000).unref();
    });
    const [reset, late] = await Promise.all([ask(`${lab.url}/reset`), ask(`${lab.url}/slow`)]);
    expect(reset).toMatchObject({ status: 502, headers: { server: 'awselb/2.0' } });
    expect(late).toMatchObject({ status: 504, headers: { server: 'awselb/2.0' } });
  });
});

describe('ports', () => {
  test('one that is taken: an error that names it, and no listener', async () => {
    const other = net.createServer();
    await listen(other, lab.port);
    const LoadBalancerArn = await lab.loadBalancer();
    await expect(lab.listener(LoadBalancerArn, [forward([await lab.targetGroup(), 1])])).rejects.toMatchObject({
      name: 'InvalidConfigurationRequestException',
      message: expect.stringContaining(`port ${lab.port} of 127.0.0.1: it is already taken`),
    });
    expect((await lab.elb.describeListeners({ LoadBalancerArn })).Listeners).toEqual([]);
    other.close();
  });

  test('a listener moves to another port, or stays where it is when it can not', async () => {
    const { listener: ListenerArn } = await groupOf(lab, says('here'));
    const other = net.createServer();
    const taken = await listen(other);
    await expect(lab.elb.modifyListener({ ListenerArn, Port: taken })).rejects.toThrow(`port ${taken}`);
    expect((await ask(lab.url)).body).toBe('here');
    await new Promise((resolve) => other.close(resolve));
    await lab.elb.modifyListener({ ListenerArn, Port: taken });
    expect((await ask(`http://127.0.0.1:${taken}`)).body).toBe('here');
    await expect(ask(lab.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a deleted listener ends its connections and frees its port', async () => {
    const begun: ServerResponse[] = [];
    const { listener: ListenerArn } = await groupOf(lab, (_request, response) => begun.push(response));
    const ended = expect(ask(lab.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await until(() => begun.length > 0);
    await lab.elb.deleteListener({ ListenerArn });
    await ended;
    await expect(ask(lab.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('listeners answer again after a restart', async () => {
    const { group } = await groupOf(lab, says('still here'));
    await lab.restart();
    await eventually(() => lab.health(group), HEALTHY);
    expect((await ask(lab.url)).body).toBe('still here');
  });

  test('a sandbox does not start when the port of one of its listeners is taken by then', async () => {
    await groupOf(lab);
    const other = net.createServer();
    await expect(lab.restart(() => listen(other, lab.port))).rejects.toThrow(`can't have port ${lab.port} of 127.0.0.1: it is already taken`);
    await new Promise((resolve) => other.close(resolve));
    await lab.restart();
    expect((await ask(lab.url)).status).toBe(503);
  });
});

const broken: RequestListener = (_request, response) => response.writeHead(500).end('broken');

/** A server that needs a moment to answer its name. */
function slowly(name: string): RequestListener {
  return (_request, response) => void setTimeout(() => response.end(name), 5);
}
