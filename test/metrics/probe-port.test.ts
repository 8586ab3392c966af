import { expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { openProbePort } from '../../src/metrics/probe-port.ts';
import { readExposition, seriesValue } from '../support/exposition.ts';

it('probes are answered on a port of their own, without a key', async () => {
  let ready = false;
  const probes = await openProbePort({ port: 0, host: '127.0.0.1', ready: () => ready });
  const status = async (path: string) => (await fetch(`http://127.0.0.1:${probes.port}${path}`)).status;
  expect([await status('/livez'), await status('/readyz'), await status('/api/v1/servers')]).toEqual([
    200, 503, 404,
  ]);
  ready = true;
  expect(await status('/readyz?verbose')).toBe(200);
  await expect(
    openProbePort({ port: probes.port, host: '127.0.0.1', ready: () => true }),
  ).rejects.toMatchObject({
    code: 'bad-setting',
  });
  await probes.close();
});

it('metrics are there where the program has any, and nowhere else', async () => {
  const metrics = createMetrics({ sources: [(emit) => emit('active_deployments', {}, 3)] });
  const probes = await openProbePort({ port: 0, host: '127.0.0.1', ready: () => true, metrics });
  const text = await (await fetch(`http://127.0.0.1:${probes.port}/metrics`)).text();
  expect(seriesValue(readExposition(text, 'prometheus'), 'active_deployments')).toBe(3);
  await probes.close();
  const without = await openProbePort({ port: 0, host: '127.0.0.1', ready: () => true });
  expect((await fetch(`http://127.0.0.1:${without.port}/metrics`)).status).toBe(404);
  await without.close();
});

it('a source that throws is left out and counted', () => {
  const faults: unknown[] = [];
  const metrics = createMetrics({
    sources: [
      () => {
        throw new Error('broken');
      },
      (emit) => emit('active_deployments', {}, 1),
    ],
    onFault: (thrown) => faults.push(thrown),
  });
  const read = readExposition(metrics.expose(undefined).body, 'prometheus');
  expect(seriesValue(read, 'active_deployments')).toBe(1);
  expect(seriesValue(read, 'berth_scrape_failures_total')).toBe(1);
  expect(faults).toHaveLength(1);
});
