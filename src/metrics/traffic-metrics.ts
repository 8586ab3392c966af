/** Clients' traffic, as the front of a gateway counts it. */
import type { BodyBudget } from '../transports/body-budget.ts';
import type { Traffic } from '../transports/traffic.ts';
import type { MetricSource } from './metrics.ts';

export function createTrafficSource(traffic: Traffic, bodies: BodyBudget): MetricSource {
  return (emit) => {
    for (const [endpoint, methods] of traffic.endpoints) {
      for (const [method, count] of methods) {
        for (const [status, requests] of count.statuses)
          emit('http_requests_total', { method, endpoint, status: `${status}` }, requests);
        emit('http_request_duration_seconds', { method, endpoint }, count.durations);
        emit('http_requests_in_progress', { method, endpoint }, count.inProgress);
      }
    }
    for (const [server, open] of traffic.connections) emit('mcp_active_connections', { server }, open);
    const { active, received, sent } = traffic.websockets;
    emit('websocket_connections_active', {}, active);
    emit('websocket_messages_total', { direction: 'received' }, received);
    emit('websocket_messages_total', { direction: 'sent' }, sent);
    emit('berth_open_body_bytes', {}, bodies.held);
    emit('berth_open_body_limit_bytes', {}, bodies.limit);
  };
}
