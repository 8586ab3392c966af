/** A server that runs out of memory, as its clients and its operator see it. Where this machine cannot limit processes, it says so and why. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createInProcessLink } from '../../src/link/in-process.ts';
import { createLocalHost, type LocalHost } from '../../src/runtimes/local-host.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { createLimiter, type Limiter } from '../../src/supervisor/limits/limiter.ts';
import type { ServerDefinition } from '../../src/supervisor/server-definition.ts';
import { createFixture, FakePackages } from '../servers/doubles.ts';
import { startFront } from '../support/gateway.ts';
import { eventually, fixtureLaunch, table } from '../support/local-process.ts';
import { connectSdk } from '../support/sdk-clients.ts';

const LIMITS = { resources: { limits: { memory: '96Mi', cpu: '2' } } };

/** What is installed is always the eater. */
class EaterPackages extends FakePackages {
  override launch() {
    return fixtureLaunch('eater') as ReturnType<FakePackages['launch']>;
  }
}

let folder: string;
let limiter: Limiter;
let host: LocalHost;
let manager: Awaited<ReturnType<typeof createFixture>>['manager'];
let front: Awaited<ReturnType<typeof startFront>> | undefined;
const definitions = new Map<string, ServerDefinition>();
const told: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-limits-'));
  const owner = { folder: 'abcdef0123456789', pid: process.pid, started: table.started(process.pid) ?? '' };
  limiter = await createLimiter({ owner, table, record: join(folder, 'groups.json') });
  const real = createLocalHost({
    ...{ owner, table, limiter },
    onOutOfMemory: ({ name }, _pid, { limitBytes }) => told.push(`${name} ${limitBytes}`),
  });
  host = {
    ...real,
    define: (definition) => {
      definitions.set(definition.name, definition);
      real.define(definition);
    },
  };
  ({ manager } = await createFixture({ host, packages: new EaterPackages(), findLack: limiter.lack }));
});
beforeEach(({ skip }) => {
  const lack = limiter.lack('memory') ?? limiter.lack('cpu');
  if (lack) skip(`this machine cannot limit processes: ${lack.reason}`);
});
afterAll(async () => {
  await front?.front.close();
  await manager?.close();
  await host?.close({ force: true });
  rmSync(folder, { recursive: true, force: true });
});

it('is told so in the answer, the log and the status, and serves the next session', async () => {
  const spec = parseServerSpec({ name: 'eater', source: { npm: { name: 'eater' } }, ...LIMITS });
  await manager.run(spec, { wait: true });
  const definition = definitions.get('eater') as ServerDefinition;
  front = await startFront({
    servers: [{ definition, links: [createInProcessLink(host.supervisor)] }],
    dataDir: folder,
  });
  const url = `http://127.0.0.1:${front.port}/servers/eater`;
  const client = await connectSdk('v1 streamable-http', url);
  expect(await client.callTool('eat', { mib: 8 })).toBe('ate 8');
  const failure = await client.callTool('eat', { mib: 512 }).then(
    () => expect.fail('it had enough'),
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    message: expect.stringMatching(
      /the server process ended \(signal SIGKILL, out of memory: it may have 96Mi\)/,
    ),
    data: {
      code: 'process-exited',
      reason: 'OutOfMemory',
      hint: expect.stringContaining('resources.limits.memory'),
    },
  });
  await expect(client.close()).rejects.toThrow(/Not Found/);
  await eventually('it is counted', () => manager.get('eater').status.resources?.outOfMemory);
  const { status } = manager.get('eater');
  expect(status).toMatchObject({
    state: 'running',
    reason: 'Ready',
    resources: {
      limits: { memory: '96Mi', cpu: '2' },
      outOfMemory: { count: 1, lastAt: expect.any(String) },
    },
  });
  expect(manager.logs('eater', 10).map(({ text }) => text)).toContain(
    '[berth: out of memory: it may have 96Mi]',
  );
  expect(told).toEqual(['eater 100663296']);
  const next = await connectSdk('v1 streamable-http', url);
  expect(await next.callTool('eat', { mib: 1 })).toBe('ate 1');
  await next.close();
});

it('that has too little to start has failed for that reason', async () => {
  const resources = { limits: { memory: '6Mi' } };
  const spec = parseServerSpec({ name: 'hungry', source: { npm: { name: 'eater' } }, resources });
  await expect(manager.run(spec, { wait: true })).rejects.toMatchObject({
    code: 'start-failed',
    message: expect.stringContaining('out of memory: it may have 6Mi'),
  });
  expect(manager.get('hungry').status).toMatchObject({
    state: 'failed',
    reason: 'OutOfMemory',
    failure: { reason: 'OutOfMemory', signal: 'SIGKILL' },
    hint: expect.stringContaining('Raise resources.limits.memory'),
  });
});
