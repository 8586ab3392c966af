import { expect, it } from 'vitest';
import { openProbePort } from '../../src/metrics/probe-port.ts';

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
