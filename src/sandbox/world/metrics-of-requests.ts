/** What an Application Load Balancer measures of each request, and under which dimensions it reports that. */
import type { Dimensions, Metrics } from './metrics.ts';

export interface RequestObserver {
  /** A target of this group was chosen, and the request is sent to it now. */
  sentTo(targetGroupArn: string): TargetObserver;
  /** The client has its answer, or is gone. @param status that of an answer that was begun. */
  over(status: number | undefined): void;
}

export interface TargetObserver {
  /** The target's answer began. */
  answered(status: number): void;
  /** There was no connection to the target. */
  unreachable(): void;
}

/** Measures one request. */
export function observeRequest(metrics: Metrics, loadBalancerArn: string): RequestObserver {
  const LoadBalancer = resourceOf(loadBalancerArn).replace('loadbalancer/', '');
  let targetStatus: number | undefined;
  const record = (name: string, value: number, unit: 'Count' | 'Seconds', by: readonly Dimensions[]) => {
    for (const dimensions of by) metrics.record({ namespace: 'AWS/ApplicationELB', name, dimensions, unit }, value);
  };
  const count = (name: string, by: readonly Dimensions[]) => record(name, 1, 'Count', by);

  return {
    sentTo(targetGroupArn) {
      const by: readonly Dimensions[] = [{ LoadBalancer }, { LoadBalancer, TargetGroup: resourceOf(targetGroupArn) }];
      const sentAt = performance.now();
      count('RequestCount', by);
      return {
        answered(status) {
          targetStatus = status;
          record('TargetResponseTime', (performance.now() - sentAt) / 1_000, 'Seconds', by);
          if (status >= 200) count(`HTTPCode_Target_${Math.floor(status / 100)}XX_Count`, by);
        },
        unreachable: () => count('TargetConnectionErrorCount', by),
      };
    },

    over(status) {
      if (status !== undefined && status >= 500 && status !== targetStatus) count('HTTPCode_ELB_5XX_Count', [{ LoadBalancer }]);
    },
  };
}

function resourceOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1);
}
