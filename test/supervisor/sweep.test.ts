import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { lockDataFolder } from '../../src/supervisor/data-folder.ts';
import { createProcessRegistry } from '../../src/supervisor/process-registry.ts';
import { sweepOrphans } from '../../src/supervisor/sweep.ts';
import {
  eventually,
  FOLDER,
  fixture,
  isRunning,
  spawnFixture,
  stderrMatch,
  table,
} from '../support/local-process.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-test-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sweep = (folder: string): Promise<string[]> =>
  sweepOrphans(folder, { table, clock: systemClock, termMs: 50 });

interface Gateway {
  readonly gateway: ChildProcess;
  readonly pid: number;
}

/** Another program that owns one stubborn process of the data folder. */
async function startGateway(mode = ''): Promise<Gateway> {
  const gateway = spawn(process.execPath, [fixture('owner'), dir, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  gateway.stdout.on('data', (data) => {
    said += data;
  });
  const pid = await eventually('a process', () => /^\d+ (\d+)\n/.exec(said)?.[1]);
  return { gateway, pid: Number(pid) };
}

describe('the sweep', () => {
  it('ends what a killed gateway left, and only that', async () => {
    const ours = await spawnFixture('polite');
    const { gateway, pid } = await startGateway();
    const ended = once(gateway, 'exit');
    gateway.kill('SIGKILL');
    await ended;
    expect(isRunning(pid)).toBe(true);

    const lock = await lockDataFolder(dir, table);
    expect(await sweep('another folder')).toEqual([]);
    expect(isRunning(pid)).toBe(true);
    expect(await sweep(lock.owner.folder)).toHaveLength(1);
    expect(isRunning(pid)).toBe(false);
    expect(isRunning(ours.pid)).toBe(true);
    await lock.close();
    await ours.stop();
  });

  it('leaves the processes of a living gateway of the same folder alone', async () => {
    const ours = await spawnFixture('polite');
    expect(await sweep(FOLDER)).toEqual([]);
    expect(isRunning(ours.pid)).toBe(true);
    await ours.stop();
  });
});

describe('a gateway that ends', () => {
  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 0],
  ] as const)('leaves nothing behind on %s', async (signal, code) => {
    const { gateway, pid } = await startGateway();
    const ended = once(gateway, 'exit');
    gateway.kill(signal);
    expect(await ended).toEqual([code, null]);
    expect(isRunning(pid)).toBe(false);
  });

  it('leaves nothing behind on an uncaught exception', async () => {
    const { gateway, pid } = await startGateway('throw');
    if (gateway.exitCode === null) await once(gateway, 'exit');
    expect(gateway.exitCode).toBe(1);
    expect(isRunning(pid)).toBe(false);
  });
});

describe('the registry', () => {
  it('ends every process and counts what lives', async () => {
    const registry = createProcessRegistry();
    const started = await Promise.all(
      ['polite', 'stubborn', 'polite'].map((name) => spawnFixture(name, [], { registry })),
    );
    expect(registry.live).toBe(3);
    await registry.endAll();
    expect(registry.live).toBe(0);
    expect(started.filter(({ pid }) => isRunning(pid))).toEqual([]);
  });

  it('forgets a process that has ended by itself', async () => {
    const registry = createProcessRegistry();
    const started = await spawnFixture('exits', ['0', '0'], { registry });
    await started.ended;
    await eventually('forgotten', () => registry.live === 0);
  });

  it('kills at once where nothing can wait', async () => {
    const registry = createProcessRegistry();
    const started = await spawnFixture('stubborn', [], { registry });
    await stderrMatch(started, /(ready)/);
    registry.killNow();
    expect(await started.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await started.ended;
  });
});
