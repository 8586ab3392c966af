/** What became of spans. */
import type { SpanCount } from '../traces/span-count.ts';
import type { MetricSource } from './metrics.ts';

export function createTraceSource(count: SpanCount): MetricSource {
  return (emit) => {
    for (const result of ['exported', 'failed', 'dropped'] as const)
      emit('berth_trace_spans_total', { result }, count[result]);
  };
}
