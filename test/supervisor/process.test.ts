import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BerthError } from '../../src/errors.ts';
import { spawnProcess } from '../../src/supervisor/process.ts';
import { parseMark } from '../../src/supervisor/process-mark.ts';
import {
  eventually,
  FOLDER,
  fixtureLaunch,
  isRunning,
  spawnFixture,
  spawnOptions,
  stderrMatch,
} from '../support/local-process.ts';

const LONG = { eof: 60_000, term: 60_000 };

describe('a process', () => {
  it('has exactly the environment and folder of its launch, and our mark', async () => {
    const launch = { ...fixtureLaunch('polite'), env: { ONE: '1' } };
    const started = await spawnProcess(launch, spawnOptions());
    const { env, cwd } = JSON.parse(await stderrMatch(started, /(.+)/));
    await started.stop();
    const { BERTH_PROCESS: mark, ...rest } = env;
    expect(rest).toEqual({ ONE: '1' });
    expect(cwd).toBe(launch.cwd);
    expect(parseMark(mark)).toEqual({
      folder: FOLDER,
      pid: process.pid,
      started: expect.stringMatching(/^\d+$/),
    });
  });

  it('leads a process group of its own', async () => {
    const started = await spawnFixture('polite');
    expect(() => process.kill(-started.pid, 0)).not.toThrow();
    await started.stop();
    expect(() => process.kill(-started.pid, 0)).toThrow('ESRCH');
  });

  it('exchanges messages over its channel', async () => {
    const started = await spawnFixture('mcp-server');
    const lines: string[] = [];
    started.channel.start({
      message: (bytes) => lines.push(bytes.toString()),
      oversized: () => undefined,
      noise: (line) => lines.push(`noise: ${line}`),
      drain: () => undefined,
      end: () => lines.push('end'),
    });
    started.channel.send([Buffer.from('{"jsonrpc":"2.0","id":1,"method":'), Buffer.from('"initialize"}')]);
    await eventually('two requests', () => lines.length === 3);
    await started.stop();
    expect(lines).toEqual([
      'noise: starting up, this is no JSON',
      '{"jsonrpc":"2.0","id":"p","method":"ping"}',
      '{"jsonrpc":"2.0","id":"r","method":"roots/list"}',
      'end',
    ]);
  });

  it('tells exit code and last stderr lines when it ends by itself', async () => {
    const started = await spawnFixture('exits', ['7', '0', 'no token given']);
    expect(await started.exited).toEqual({ code: 7, signal: null });
    expect(started.exit).toEqual({ code: 7, signal: null });
    expect(started.stderrTail(5)).toEqual(['no token given']);
    expect(started.stopping).toBe(false);
    await started.ended;
  });

  it('tells the signal that ended it', async () => {
    const started = await spawnFixture('polite');
    process.kill(started.pid, 'SIGSEGV');
    expect(await started.exited).toEqual({ code: null, signal: 'SIGSEGV' });
    await started.ended;
  });

  it('scrubs secrets from its stderr', async () => {
    const started = await spawnFixture('exits', ['1', '0', 'bad key sk-12345678 given'], {
      secrets: ['sk-12345678'],
    });
    await started.exited;
    expect(started.stderrTail(1)).toEqual(['bad key [secret] given']);
    expect(started.scrub('sk-12345678')).toBe('[secret]');
    await started.ended;
  });
});

describe('stop', () => {
  it('ends a polite process by the end of its input alone', async () => {
    const started = await spawnFixture('polite', [], { graces: LONG });
    await stderrMatch(started, /(.+)/);
    expect(await started.stop()).toEqual({ code: 0, signal: null });
  });

  it('kills a process that ignores the end of its input and SIGTERM', async () => {
    const started = await spawnFixture('stubborn');
    await stderrMatch(started, /(ready)/);
    expect(await started.stop()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(isRunning(started.pid)).toBe(false);
  });

  it('is one ending for all its callers, and force cuts the graces of one that has begun', async () => {
    const started = await spawnFixture('stubborn', [], { graces: LONG });
    await stderrMatch(started, /(ready)/);
    const gentle = started.stop();
    const forced = started.stop({ force: true });
    expect(await Promise.all([gentle, forced, started.stop()])).toEqual(
      Array(3).fill({ code: null, signal: 'SIGKILL' }),
    );
    await started.ended;
  });

  it.each([
    ['a grandchild in its own session', []],
    ['a grandchild whose parent has ended', ['middle']],
    ['a child in its own session with a cleared environment', ['cleared']],
  ])('also ends %s', async (_name, args) => {
    const started = await spawnFixture('grandchild', args);
    const left = Number(await stderrMatch(started, /left (\d+)/));
    expect(isRunning(left)).toBe(true);
    expect((await started.stop()).code).toBe(0);
    expect(isRunning(left)).toBe(false);
  });

  it('ends the rest of the kill set when the process ends by itself', async () => {
    const started = await spawnFixture('grandchild', ['exits']);
    const left = Number(await stderrMatch(started, /left (\d+)/));
    expect(await started.exited).toEqual({ code: 7, signal: null });
    await started.ended;
    expect(isRunning(left)).toBe(false);
  });

  it('leaves the processes of a neighbour alone', async () => {
    const neighbour = await spawnFixture('polite');
    const started = await spawnFixture('stubborn');
    await started.stop({ force: true });
    expect(isRunning(neighbour.pid)).toBe(true);
    await neighbour.stop();
  });
});

describe('a program that cannot be started', () => {
  const failure = (launch: Parameters<typeof spawnProcess>[0]): Promise<BerthError> =>
    spawnProcess(launch, spawnOptions()).then(
      () => expect.fail('started'),
      (thrown: BerthError) => thrown,
    );

  it.each([
    ['a missing program', { file: '/no/such/program' }, 'The program /no/such/program does not exist'],
    ['a missing folder', { cwd: '/no/such/folder' }, 'The working folder /no/such/folder does not exist'],
    ['a program that is a folder', { file: tmpdir() }, 'an executable program'],
    ['an argument that no system takes', { args: ['x'.repeat(4 * 1024 * 1024)] }, 'too long'],
  ])('names %s', async (_name, change, hint) => {
    const error = await failure({ ...fixtureLaunch('polite'), ...change });
    expect(error).toMatchObject({ code: 'start-failed', details: { phase: 'spawn' } });
    expect(error.hint).toContain(hint);
  });

  it('names a missing interpreter', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-test-'));
    const file = join(dir, 'program');
    await writeFile(file, '#!/no/such/interpreter\n', { mode: 0o755 });
    const error = await failure({ ...fixtureLaunch('polite'), file });
    await rm(dir, { recursive: true });
    expect(error.hint).toContain('The interpreter');
  });
});
