/** The servers of a gateway: how many are in which state, what they offer, how their starts went. */
import type { ServerFacts } from '../servers/server-census.ts';
import { STATUS_STATES } from '../servers/server-view.ts';
import type { StartCount } from '../servers/start-count.ts';
import type { Emit, MetricSource } from './metrics.ts';

export function createServerSource(census: () => readonly ServerFacts[]): MetricSource {
  return (emit) => {
    const servers = census();
    for (const state of STATUS_STATES) {
      const count = servers.filter((server) => server.state === state).length;
      emit('berth_servers', { state }, count);
      if (state === 'running') emit('active_deployments', {}, count);
    }
    for (const server of servers) emitServer(emit, server);
  };
}

function emitServer(emit: Emit, facts: ServerFacts): void {
  const { name: server, tools, capabilities, dependencies, check } = facts;
  if (tools !== undefined) emit('mcp_tools_total', { server }, tools);
  if (capabilities !== undefined) emit('mcp_capabilities_total', { server }, capabilities);
  if (dependencies !== undefined) emit('mcp_dependencies_total', { server }, dependencies);
  if (check)
    emit(
      'berth_health_check_timestamp_seconds',
      { server, result: check.passed ? 'passed' : 'failed' },
      check.at / 1_000,
    );
}

export function createStartSource(starts: StartCount): MetricSource {
  return (emit) => {
    for (const [result, count] of Object.entries(starts.results))
      emit('berth_server_starts_total', { result }, count);
    for (const [phase, durations] of starts.phases)
      emit('berth_server_start_phase_duration_seconds', { phase }, durations);
    for (const { phase, reason, count } of starts.failures)
      emit('berth_server_start_failures_total', { phase, reason }, count);
  };
}
