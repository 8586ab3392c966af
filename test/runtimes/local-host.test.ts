import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalHost, type LocalHost } from '../../src/runtimes/local-host.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import { DEFAULT_LIMITS, type ServerDefinition } from '../../src/supervisor/server-definition.ts';
import { trapLaunch } from '../support/trap.ts';

let host: LocalHost | undefined;
afterEach(() => host?.close({ force: true }));

function open(): LocalHost {
  const started = createProcessTable().started(process.pid) ?? '0';
  host = createLocalHost({ owner: { folder: randomUUID(), pid: process.pid, started } });
  return host;
}

function definition(launch: { file: string; args: string[] }, startTimeout: number): ServerDefinition {
  return {
    id: randomUUID(),
    name: 'server',
    launch: { ...launch, env: { PATH: process.env.PATH ?? '' }, cwd: tmpdir() },
    isolation: 'session',
    sessions: 'minted',
    limits: { ...DEFAULT_LIMITS, startTimeout },
    secrets: [],
  };
}

describe('the probe of a server', () => {
  it('reports what the handshake learned, and leaves no process', async () => {
    const server = definition(trapLaunch(), 60_000);
    const report = await open().probe(server);
    expect(report).toMatchObject({ protocolVersion: '2025-11-25', serverInfo: { name: 'trap' } });
    expect(host?.activity(server.id)).toBeUndefined();
  });

  it('gives a silent server up after limits.startTimeout', async () => {
    const silent = { file: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] };
    await expect(open().probe(definition(silent, 200))).rejects.toMatchObject({
      code: 'start-failed',
      details: { phase: 'handshake' },
    });
  });
});

it('shows the processes, sessions and stderr of a server, and forgets them with it', async () => {
  const server = definition(trapLaunch('--exit'), 60_000);
  const lines: string[] = [];
  open().stderr(server.id, ({ text }) => lines.push(text));
  await expect(host?.probe(server)).rejects.toMatchObject({ details: { phase: 'handshake', exitCode: 3 } });
  host?.define(server);
  expect(host?.activity(server.id)).toEqual({ sessions: 0, processes: 0 });
  expect(host?.stderrTail(server.id, 10).map(({ text }) => text)).toEqual(lines);
  await host?.undefine(server.id, { force: true });
  expect(host?.activity(server.id)).toBeUndefined();
  expect(host?.stderrTail(server.id, 10)).toEqual([]);
});
