/** How often each place was searched for servers, and how it did. Places come from the settings. */
import type { SearchStatistics } from '../discovery/statistics.ts';
import type { MetricSource } from './metrics.ts';

export function createSearchSource(discovery: { statistics(): SearchStatistics }): MetricSource {
  return (emit) => {
    for (const { name: place, searches, failures, found, totalMs } of discovery.statistics().providers) {
      emit('berth_searches_total', { place }, searches);
      emit('berth_search_failures_total', { place }, failures);
      emit('berth_search_results_total', { place }, found);
      emit('berth_search_seconds_total', { place }, totalMs / 1_000);
    }
  };
}
