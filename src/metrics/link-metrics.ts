/** The links of a gateway to the replicas of its servers. */
import type { LinkCount } from '../link/link-count.ts';
import type { MetricSource } from './metrics.ts';

export function createLinkSource(count: LinkCount): MetricSource {
  return (emit) => {
    emit('berth_links', { state: 'up' }, count.up);
    emit('berth_links', { state: 'down' }, count.links - count.up);
    emit('berth_link_connects_total', {}, count.connects);
    emit('berth_link_breaks_total', {}, count.breaks);
    emit('berth_link_round_trip_seconds', {}, count.roundTrips);
  };
}
