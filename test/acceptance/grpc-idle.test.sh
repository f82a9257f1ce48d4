#!/usr/bin/env bash
# The idle timeout of the load balancer (issue 7.1, 7.3): PING does not count against it, application data does.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

start_sandbox
grpc_project harbour DESIRED_COUNT=1
infra
make_quay v3.1 3.1
must update v3.1 --tag 3.1
expect_soon 20 'issue 7: the version answers' 'Version 3.1' hails 3.1

seen=$(elb 'const [b] = (await all("DescribeLoadBalancers", {}, "LoadBalancers")).filter((x) => x.Scheme === "internal");
  const idle = async () => (await call("DescribeLoadBalancerAttributes", { LoadBalancerArn: b.LoadBalancerArn })).Attributes.find((a) => a.Key === "idle_timeout.timeout_seconds")?.Value;
  if (Number(await idle()) > 120) await call("ModifyLoadBalancerAttributes", { LoadBalancerArn: b.LoadBalancerArn, Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "60" }] });
  return await idle()')
check 'preparing: the idle timeout is known' '1 to 120 s' "$seen" test "${seen:-0}" -ge 1 -a "${seen:-0}" -le 120
IDLE=$((${seen:-60} * 1000 / SPEED)) # in milliseconds of ours

# Four channels with a stream that the server leaves silent: one that only PINGs, one that does nothing, one with a word
# now and then; and one without a stream that PINGs.
grpc_json '
  const idle = Number(args[0]), limit = idle * 3 + 5000, begun = now();
  const one = () => new Channel();
  const silent = async (every) => {
    const c = one(), it = c.open("/quay.Harbour/Talk");
    await it.send(call("word"));
    await it.messages[Symbol.asyncIterator]().next();
    const from = now();
    let pongs = 0;
    const timer = every && setInterval(() => { if (!c.current.destroyed && !c.current.closed) c.current.ping((error) => { if (!error) pongs += 1; }); }, every);
    const status = await Promise.race([it.status, sleep(limit)]);
    clearInterval(timer);
    c.close();
    return { code: status?.code, after: status ? status.ended - from : "never", pongs };
  };
  const busy = async () => {
    const c = one(), it = c.open("/quay.Harbour/Talk");
    let heard = 0;
    const take = (async () => { for await (const m of it.messages) heard += 1; })();
    for (let at = 0; at < limit && !it.stream.destroyed; at += idle / 6) { await it.send(call("word")); await sleep(idle / 6); }
    it.end();
    const status = await it.status;
    await take;
    c.close();
    return { code: status.code, heard, connections: c.connections };
  };
  const empty = async () => {
    const c = one();
    await c.hail("boat");
    const from = now(), timer = setInterval(() => { if (!c.current.gone && !c.current.destroyed && !c.current.closed) c.current.ping(() => {}); }, idle / 8);
    const over = await until(limit, () => c.current.gone || c.current.destroyed);
    clearInterval(timer);
    return { over, after: now() - from, again: (await c.hail("boat")).code, connections: c.connections };
  };
  const [pinging, quiet, talking, lone] = await Promise.all([silent(idle / 8), silent(0), busy(), empty()]);
  return { idle, pinging, quiet, talking, lone };' "$IDLE"
expect_grpc 'issue 7.3: a stream without a word is ended by the idle timeout' "o.quiet.after >= $IDLE * 0.6 && o.quiet.after <= $IDLE * 2 + 4000"
expect_grpc 'issue 7.3: PINGs are answered' 'o.pinging.pongs >= 2'
expect_grpc 'issue 7.3: and do not count against the idle timeout' "o.pinging.after >= $IDLE * 0.6 && o.pinging.after <= $IDLE * 2 + 4000"
expect_grpc 'issue 7.3: a stream that ends so does not end as if all was well' 'o.quiet.code !== 0 && o.pinging.code !== 0'
expect_grpc 'issue 7.1: application data more often than the idle timeout keeps it' 'o.talking.code === 0 && o.talking.heard >= 12 && o.talking.connections === 1'
expect_grpc 'issue 7.3: a connection that only PINGs is closed, and the next call opens another' 'o.lone.over && o.lone.again === 0 && o.lone.connections === 2'

finish
