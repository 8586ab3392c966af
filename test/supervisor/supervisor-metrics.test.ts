/** The supervisor's program: metrics and probes at the port of its configuration, and nothing without one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { checkDefinitions, readExposition, seriesValue } from '../support/exposition.ts';
import { eventually } from '../support/local-process.ts';

const SUPERVISOR = fileURLToPath(new URL('../../src/supervisor/main.ts', import.meta.url));
let folder: string;
let said: string;
let child: ChildProcess;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-measured-'));
});
afterEach(async () => {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

async function portHolder(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : 0 };
}

async function start(metricsPort: number): Promise<void> {
  const config = join(folder, 'supervisor.json');
  const { file, args } = fixtureLaunch('legacy');
  const env = { PATH: process.env.PATH ?? '', HOME: folder };
  const launch = { file, args, env, cwd: folder };
  const server = { id: randomUUID(), name: 'measured', launch, isolation: 'session', sessions: 'minted' };
  writeFileSync(
    config,
    JSON.stringify({
      dataDir: join(folder, 'data'),
      servers: [{ ...server, eras: ['legacy'], limits: { spares: 1 } }],
      metricsPort,
    }),
  );
  said = '';
  child = spawn(process.execPath, [SUPERVISOR, '--socket', join(folder, 'socket'), '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr])
    output?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  await eventually('the supervisor', () => said.includes('"ready":true'));
}

it('it tells its server, its processes and itself', async () => {
  const { server, port } = await portHolder();
  server.close();
  await once(server, 'close');
  await start(port);
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  await eventually('the spare', async () => {
    const read = readExposition(await (await get('/metrics')).text(), 'prometheus');
    checkDefinitions(read);
    return seriesValue(read, 'berth_processes', { server: 'measured', state: 'spare' }) === 1;
  });
  const open = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { Accept: 'application/openmetrics-text;version=1.0.0' },
  });
  const read = readExposition(await open.text(), 'openmetrics');
  checkDefinitions(read);
  expect(seriesValue(read, 'berth_process_starts_total', { result: 'started' })).toBeGreaterThanOrEqual(1);
  expect(seriesValue(read, 'berth_sessions', { server: 'measured', kind: 'session' })).toBe(0);
  expect(seriesValue(read, 'process_resident_memory_bytes')).toBeGreaterThan(0);
  expect((await get('/livez')).status).toBe(200);
  expect((await get('/anything')).status).toBe(404);
});

it('a port that the server itself has taken does not keep it from being served', async () => {
  const { server, port } = await portHolder();
  await start(port);
  expect(said).toMatch(/cannot listen on/);
  server.close();
});
