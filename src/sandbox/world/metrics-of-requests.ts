/** What an Application Load Balancer measures of each request, and under which dimensions it reports that. */
import type { ClientRequest, ServerResponse } from 'node:http';
import type { Dimensions, Metrics } from './metrics.ts';

export interface RequestObserver {
  /** A target of this group was chosen, and `outgoing` is the request to it. */
  forwarded(targetGroupArn: string, outgoing: ClientRequest): void;
}

/** Measures one request, whose answer `response` will be. */
export function observeRequest(metrics: Metrics, loadBalancerArn: string, response: ServerResponse): RequestObserver {
  const LoadBalancer = resourceOf(loadBalancerArn).replace('loadbalancer/', '');
  let targetStatus: number | undefined;
  const record = (name: string, value: number, unit: 'Count' | 'Seconds', by: readonly Dimensions[]) => {
    for (const dimensions of by) metrics.record({ namespace: 'AWS/ApplicationELB', name, dimensions, unit }, value);
  };
  const count = (name: string, by: readonly Dimensions[]) => record(name, 1, 'Count', by);

  response.on('close', () => {
    const { headersSent, statusCode } = response;
    if (headersSent && statusCode >= 500 && statusCode !== targetStatus) count('HTTPCode_ELB_5XX_Count', [{ LoadBalancer }]);
  });

  return {
    forwarded(targetGroupArn, outgoing) {
      const by: readonly Dimensions[] = [{ LoadBalancer }, { LoadBalancer, TargetGroup: resourceOf(targetGroupArn) }];
      const sentAt = performance.now();
      count('RequestCount', by);
      outgoing.on('response', ({ statusCode = 0 }) => {
        targetStatus = statusCode;
        record('TargetResponseTime', (performance.now() - sentAt) / 1_000, 'Seconds', by);
        if (statusCode >= 200) count(`HTTPCode_Target_${Math.floor(statusCode / 100)}XX_Count`, by);
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if (error.syscall === 'connect') count('TargetConnectionErrorCount', by);
      });
    },
  };
}

function resourceOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1);
}
