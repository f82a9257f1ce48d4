/** CloudWatch: reading the metrics that the region's load balancers report. */
import type { Operations } from '../service.ts';
import { GetMetricData } from './metric-data.ts';
import { GetMetricStatistics } from './metric-statistics.ts';
import { ListMetrics } from './list-metrics.ts';

export const operations = { GetMetricData, GetMetricStatistics, ListMetrics } satisfies Operations;
