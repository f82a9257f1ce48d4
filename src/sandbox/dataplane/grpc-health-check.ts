/** One health check of a target that speaks gRPC: a call with an empty message, whose status is the code. */
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { type CheckFailure, CONNECTION_FAILED, failureOf, type HealthCheck, TIMED_OUT } from './health-check.ts';

/** Not compressed, and no bytes long. */
const EMPTY_MESSAGE = Buffer.alloc(5);

/** Makes one check by HTTP/2 without TLS, on a connection of its own. Never rejects. */
export function checkGrpcHealth(check: HealthCheck): Promise<CheckFailure> {
  return new Promise((resolve) => {
    const session = connect(`http://${check.host}:${check.port}`);
    const finish = (failure: CheckFailure) => {
      clearTimeout(timer);
      check.signal.removeEventListener('abort', giveUp);
      resolve(failure);
      session.destroy();
    };
    const giveUp = () => finish(CONNECTION_FAILED);
    const timer = setTimeout(() => finish(TIMED_OUT), check.timeoutMs);
    check.signal.addEventListener('abort', giveUp);
    session.on('error', giveUp);
    const call = session.request({
      ':method': 'POST',
      ':path': check.path,
      ':authority': check.hostHeader,
      'content-type': 'application/grpc',
      'user-agent': 'ELB-HealthChecker/2.0',
      te: 'trailers',
    });
    let code: number | undefined;
    const read = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      const status = headers['grpc-status'] ?? (headers[':status'] === 200 ? undefined : headers[':status']);
      if (status !== undefined) code = Number(status);
    };
    call.on('response', read).on('trailers', read).on('error', giveUp);
    call.on('close', () => finish(code === undefined ? CONNECTION_FAILED : failureOf(check.matcher, code)));
    call.resume().end(EMPTY_MESSAGE);
  });
}
