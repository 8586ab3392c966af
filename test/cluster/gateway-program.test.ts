/** The gateway's program before a real API server: readiness, the API, and its end by signal. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSealKey } from '../../src/auth/key-ring.ts';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { ensureMcpServers } from './support/mcp-servers.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let cluster: TestCluster;
let takeAway: () => Promise<void>;
let folder: string;
let gateway: ChildProcess;
let output = '';

beforeAll(async () => {
  cluster = await openCluster();
  takeAway = await ensureMcpServers(cluster.client);
  folder = mkdtempSync(join(tmpdir(), 'berth-program-'));
});
afterAll(async () => {
  gateway?.kill('SIGKILL');
  await takeAway?.();
  await cluster?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

it('serves once it has seen the cluster and has its keys, and drains when it is told to end', async () => {
  const [port, probes] = [await freePort(), await freePort()];
  const sealKeys = join(folder, 'seal-keys.json');
  gateway = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      KUBECONFIG: process.env.KUBECONFIG,
      BERTH_RUNTIME: 'kubernetes',
      BERTH_SERVERS_NAMESPACE: cluster.namespace,
      BERTH_DATA_DIR: join(folder, 'data'),
      BERTH_PORT: String(port),
      BERTH_METRICS_PORT: String(probes),
      BERTH_SEAL_KEYS: sealKeys,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [gateway.stdout, gateway.stderr])
    stream?.on('data', (text: Buffer) => {
      output += text.toString();
    });
  const probe = (path: string): Promise<number> =>
    fetch(`http://127.0.0.1:${probes}${path}`).then(
      ({ status }) => status,
      () => 0,
    );
  await eventually('its life', async () => (await probe('/livez')) === 200);
  expect(await probe('/readyz')).toBe(503);
  const { name, secret } = createSealKey();
  const keys = [{ name, secret: Buffer.from(secret).toString('base64url') }];
  writeFileSync(sealKeys, JSON.stringify({ keys }));
  await eventually(`readiness; ${output}`, async () => (await probe('/readyz')) === 200);

  const api = `http://127.0.0.1:${port}/api/v1/servers`;
  const spec = { name: 'program', source: { npm: { name: 'some-package', version: '1.0.0' } } };
  const headers = { 'content-type': 'application/json' };
  const created = await fetch(api, { method: 'POST', headers, body: JSON.stringify(spec) });
  expect([created.status, ((await created.json()) as { name: string }).name]).toEqual([202, 'program']);
  const list = (await (await fetch(api)).json()) as { servers: { name: string; status: object }[] };
  expect(list.servers).toMatchObject([{ name: 'program', status: { replicas: { desired: 1, ready: 0 } } }]);

  const waiting = fetch(`http://127.0.0.1:${port}/servers/program/mcp`, {
    method: 'POST',
    headers,
    body: '{}',
  });
  // Answered on other connections, so that the one before has arrived.
  for (let at = 0; at < 3; at++) await (await fetch(api)).text();
  await eventually('the end of its readiness', async () => {
    if (gateway.exitCode === null && !gateway.killed) gateway.kill('SIGTERM');
    return (await probe('/readyz')) !== 200;
  });
  await expect(fetch(api)).rejects.toThrow();
  await cluster.client.remove(MCP_SERVERS, { namespace: cluster.namespace, name: 'program' });
  expect((await waiting).status).toBe(404);
  await eventually(`its end; ${output}`, () => gateway.exitCode !== null);
  expect(gateway.exitCode).toBe(0);
  // Its output is the log of a pod: entries, and nothing for somebody at a terminal.
  expect(output).toContain('the gateway serves');
  expect(output.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
});
