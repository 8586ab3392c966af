/** What is told of the program itself, under the names that dashboards for Node know. */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { programVersion } from '../version.ts';
import type { MetricSource } from './metrics.ts';

/** Milliseconds between looks at how late timers are: few enough to cost nothing. */
const LOOK_EVERY = 50;
const NANO = 1e9;
const DESCRIPTORS = '/proc/self/fd';

/** Watches the event loop from now on. */
export function createProcessSource(version = programVersion()): MetricSource & { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: LOOK_EVERY });
  delay.enable();
  let busy = performance.eventLoopUtilization();
  const source: MetricSource = (emit) => {
    emit('berth_build_info', { version, node: process.versions.node }, 1);
    const { user, system } = process.cpuUsage();
    emit('process_cpu_seconds_total', {}, (user + system) / 1e6);
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    emit('process_resident_memory_bytes', {}, rss);
    emit('process_start_time_seconds', {}, performance.timeOrigin / 1_000);
    const open = openDescriptors();
    if (open !== undefined) emit('process_open_fds', {}, open);
    emit('nodejs_heap_size_total_bytes', {}, heapTotal);
    emit('nodejs_heap_size_used_bytes', {}, heapUsed);
    emit('nodejs_external_memory_bytes', {}, external);
    // A look is never early: what its timer takes is no lag. Without a look nothing was late.
    for (const [quantile, ns] of [
      ['0.5', delay.percentile(50)],
      ['0.99', delay.percentile(99)],
      ['1', delay.max],
    ] as const)
      emit('nodejs_eventloop_lag_seconds', { quantile }, delay.count === 0 ? 0 : lagOf(ns));
    delay.reset();
    const now = performance.eventLoopUtilization();
    emit('nodejs_eventloop_utilization', {}, performance.eventLoopUtilization(now, busy).utilization);
    busy = now;
  };
  return Object.assign(source, { close: () => void delay.disable() });
}

function lagOf(ns: number): number {
  return Math.max(0, ns / NANO - LOOK_EVERY / 1_000);
}

function openDescriptors(): number | undefined {
  try {
    return readdirSync(DESCRIPTORS).length;
  } catch {
    return undefined;
  }
}
