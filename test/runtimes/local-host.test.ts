import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, ManualClock, systemClock } from '../../src/clock.ts';
import { createLocalHost, type LocalHost } from '../../src/runtimes/local-host.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import { DEFAULT_LIMITS, type ServerDefinition } from '../../src/supervisor/server-definition.ts';
import { eventually, fixtureLaunch, isRunning } from '../support/local-process.ts';
import { trapLaunch } from '../support/trap.ts';

let host: LocalHost | undefined;
afterEach(() => host?.close({ force: true }));

function open(clock: Clock = systemClock): LocalHost {
  const started = createProcessTable().started(process.pid) ?? '0';
  host = createLocalHost({ owner: { folder: randomUUID(), pid: process.pid, started }, clock });
  return host;
}

function definition(
  launch: { file: string; args: readonly string[] },
  startTimeout: number,
): ServerDefinition {
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
  expect(host?.activity(server.id)).toEqual({ sessions: 0, processes: 0, inUse: false });
  expect(host?.stderrTail(server.id, 10).map(({ text }) => text)).toEqual(lines);
  await host?.undefine(server.id, { force: true });
  expect(host?.activity(server.id)).toBeUndefined();
  expect(host?.stderrTail(server.id, 10)).toEqual([]);
});

it('ends a process by the graces of its server', async () => {
  const clock = new ManualClock();
  const plain = definition(fixtureLaunch('stubborn'), 60_000);
  const limits = { ...plain.limits, spares: 1, eofGrace: 60_000, termGrace: 120_000 };
  const server = { ...plain, limits };
  const opened = open(clock);
  const said = (text: string) =>
    eventually(text, () => opened.stderrTail(server.id, 10).find((line) => line.text === text));
  const saysNothingMore = async (most: string) => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(opened.stderrTail(server.id, 1)[0]?.text).toBe(most);
  };
  opened.define(server);
  const { pid } = await said('ready');
  const gone = opened.undefine(server.id, { force: false });
  await said('ignores the end of its input');
  clock.advance(limits.eofGrace - 1);
  await saysNothingMore('ignores the end of its input');
  clock.advance(1);
  await said('ignores SIGTERM');
  clock.advance(limits.termGrace - 1);
  await saysNothingMore('ignores SIGTERM');
  expect(isRunning(pid)).toBe(true);
  let over = false;
  void gone.then(() => {
    over = true;
  });
  await eventually('the end', () => {
    clock.advance(250);
    return over;
  });
  expect(isRunning(pid)).toBe(false);
});

it('keeps what a quiet probe writes out of the log', async () => {
  const server = definition(trapLaunch('--exit'), 60_000);
  const lines: string[] = [];
  open().stderr(server.id, ({ text }) => lines.push(text));
  const failure = await host?.probe(server, undefined, { quiet: true }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ details: { stderr: [expect.any(String)] } });
  expect([lines, host?.stderrTail(server.id, 10)]).toEqual([[], []]);
});

it('renews spares', async () => {
  const plain = definition(trapLaunch(), 60_000);
  const server = { ...plain, limits: { ...plain.limits, spares: 2, eofGrace: 60_000 } };
  const opened = open();
  const pids = async () => (await createProcessTable().scan()).filter(({ parent }) => parent === process.pid);
  const before = (await pids()).length;
  opened.define(server);
  const first = await eventually('two spares', async () => {
    const now = (await pids()).map(({ pid }) => pid);
    return now.length === before + 2 && now;
  });
  opened.renew(server.id);
  opened.renew('unknown');
  await eventually('two others', async () => {
    const now = (await pids()).map(({ pid }) => pid);
    return now.length === before + 2 && now.filter((pid) => first.includes(pid)).length === before;
  });
});
