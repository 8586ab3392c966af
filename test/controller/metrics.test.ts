/** What a controller exposes: nothing of the cluster while another one leads, its queue and its looks while it does. */
import { expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { inspectionMeta } from '../../src/cluster/inspection.ts';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import type { Job } from '../../src/cluster/objects/installer-job.ts';
import { ControllerCount } from '../../src/controller/controller-count.ts';
import { createControllerSource, type TermMeasure } from '../../src/controller/controller-metrics.ts';
import { createWorkQueue } from '../../src/controller/work-queue.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { checkDefinitions, type ReadExposition, readExposition, seriesValue } from '../support/exposition.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const job = (type?: string, server = 'some'): Job =>
  ({
    metadata: { labels: { 'berth.dev/server-uid': server } },
    status: { conditions: type === undefined ? [] : [{ type, status: 'True' }] },
  }) as unknown as Job;
const server = (state?: string, metadata: object = {}): McpServer =>
  ({ metadata, ...(state !== undefined && { status: { state } }) }) as unknown as McpServer;

function scrape(count: ControllerCount, term: TermMeasure | undefined, leads: boolean): ReadExposition {
  const source = createControllerSource(
    count,
    () => term,
    () => leads,
  );
  const read = readExposition(createMetrics({ sources: [source] }).expose(undefined).body, 'prometheus');
  checkDefinitions(read);
  return read;
}

it('one that does not lead says so, and nothing of servers', () => {
  const read = scrape(new ControllerCount(), undefined, false);
  expect(seriesValue(read, 'berth_controller_leader')).toBe(0);
  expect(seriesValue(read, 'berth_controller_queue_length')).toBe(0);
  expect(seriesValue(read, 'berth_servers')).toBeUndefined();
});

it('one that leads tells servers, installers and its looks', () => {
  const count = new ControllerCount();
  count.done = 3;
  count.failed = 1;
  for (const seconds of [0.1, 0.2, 3, 4]) count.durations.observe(seconds);
  const term: TermMeasure = {
    servers: [server('running'), server('running'), server('failed'), server()],
    jobs: [job(), job('Complete'), job('Failed'), job('Failed')],
    queue: { waiting: 2, running: 1, delayed: 5 },
  };
  const read = scrape(count, term, true);
  const of = (name: string, labels: Record<string, string>) => seriesValue(read, name, labels);
  expect(of('berth_controller_leader', {})).toBe(1);
  expect(of('berth_servers', { state: 'running' })).toBe(2);
  expect(of('berth_servers', { state: 'pending' })).toBe(1);
  expect(of('berth_controller_installs', { state: 'failed' })).toBe(2);
  expect(of('berth_controller_installs', { state: 'running' })).toBe(1);
  expect(of('berth_controller_queue_length', { state: 'delayed' })).toBe(5);
  expect(of('berth_controller_reconciles_total', { result: 'failed' })).toBe(1);
  expect(of('berth_controller_reconcile_duration_seconds_count', {})).toBe(4);
});

it('one that leads leaves out what is only tried, and its installers', () => {
  const tried = server('failed', { uid: 'tried', ...inspectionMeta({ until: '', secrets: {} }) });
  const term: TermMeasure = {
    servers: [server('running', { uid: 'some' }), tried],
    jobs: [job('Complete'), job('Complete', 'tried'), job('Failed', 'tried')],
    queue: undefined,
  };
  const read = scrape(new ControllerCount(), term, true);
  const of = (name: string, state: string) => seriesValue(read, name, { state });
  expect([of('berth_servers', 'running'), of('berth_servers', 'failed')]).toEqual([1, 0]);
  expect(of('berth_controller_installs', 'done')).toBe(1);
  expect(of('berth_controller_installs', 'failed')).toBe(0);
});

it('the lengths of a queue are those of its parts', async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<number | undefined>();
  const queue = createWorkQueue({ clock, parallel: 1, work: () => gate.promise, onFault: () => {} });
  for (const key of ['a', 'b', 'c']) queue.add(key);
  expect(queue.lengths).toEqual({ waiting: 2, running: 1, delayed: 0 });
  gate.resolve(1_000);
  await settled();
  await settled();
  await settled();
  expect(queue.lengths).toEqual({ waiting: 0, running: 0, delayed: 3 });
  clock.advance(999);
  expect(queue.lengths.delayed).toBe(3);
  clock.advance(1);
  await settled();
  expect(queue.lengths.running + queue.lengths.waiting + queue.lengths.delayed).toBe(3);
  await queue.close();
});
