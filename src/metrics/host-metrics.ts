/** The servers whose processes run here: their calls, sessions, streams and processes. */
import { CALL_BOUNDS, Histogram } from '../histogram.ts';
import type { CallCount, CallOutcome } from '../sessions/call-count.ts';
import type { ServerMeasure } from '../supervisor/server-measure.ts';
import type { Emit, MetricSource } from './metrics.ts';

const OUTCOMES: readonly CallOutcome[] = ['success', 'error', 'cancelled'];

export function createHostSource(host: { measure(): readonly ServerMeasure[] }): MetricSource {
  return (emit) => {
    for (const measure of host.measure()) {
      emitCalls(emit, measure.name, measure.usage.counts);
      emitConversations(emit, measure);
      emitProcesses(emit, measure);
    }
  };
}

function emitCalls(emit: Emit, server: string, counts: readonly CallCount[]): void {
  const durations = new Map<string, Histogram>();
  for (const { transport, era, methods } of counts) {
    for (const [method, count] of methods) {
      for (const status of OUTCOMES)
        if (count[status] > 0 || status !== 'cancelled')
          emit('mcp_requests_total', { server, transport, era, method, status }, count[status]);
      const sum = durations.get(method) ?? new Histogram(CALL_BOUNDS);
      sum.add(count.durations);
      durations.set(method, sum);
    }
  }
  for (const [method, sum] of durations) emit('mcp_request_duration_seconds', { server, method }, sum);
}

function emitConversations(emit: Emit, measure: ServerMeasure): void {
  const { name: server, kinds, streams } = measure;
  emit('mcp_requests_in_progress', { server }, measure.callsInFlight);
  emit('mcp_sessions_total', { server }, measure.usage.sessions);
  for (const [kind, live] of Object.entries(kinds)) emit('berth_sessions', { server, kind }, live);
  for (const [reader, kept] of Object.entries(streams)) emit('berth_streams', { server, reader }, kept);
  emit('berth_buffered_bytes', { server }, measure.bufferedBytes);
  emit('berth_parked_calls', { server }, measure.parkedCalls);
}

function emitProcesses(emit: Emit, { name: server, processes, starts, bytes }: ServerMeasure): void {
  emit('berth_processes', { server, state: 'used' }, processes.used);
  emit('berth_processes', { server, state: 'spare' }, processes.spare);
  emit('berth_process_starts_total', { server, result: 'started' }, starts.started);
  emit('berth_process_starts_total', { server, result: 'failed' }, starts.failed);
  emit('berth_process_start_duration_seconds', { server }, starts.durations);
  emit('berth_process_exits_total', { server, cause: 'stopped' }, starts.stopped);
  emit('berth_process_exits_total', { server, cause: 'exited' }, starts.exited);
  emit('berth_process_bytes_total', { server, direction: 'to_server' }, bytes.bytesToServer);
  emit('berth_process_bytes_total', { server, direction: 'from_server' }, bytes.bytesFromServer);
}
