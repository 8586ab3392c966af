/** A process under berth-spawn is, to the supervisor, a process like one that it starts itself. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { BerthError } from '../../src/errors.ts';
import type { Launch } from '../../src/supervisor/launch.ts';
import type { LocalProcess } from '../../src/supervisor/process.ts';
import { createProcessPool } from '../../src/supervisor/process-pool.ts';
import { createProcessRegistry } from '../../src/supervisor/process-registry.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { holdSpawnPresence, type SpawnPresence } from '../../src/supervisor/spawn-presence.ts';
import { type RemoteSpawnOptions, spawnRemote } from '../../src/supervisor/spawn-process.ts';
import { eventually, fixtureLaunch, isRunning, spawnOptions, stderrMatch } from '../support/local-process.ts';
import { buildSpawn, type RunningHelper, startHelper, UID } from '../support/spawn-helper.ts';

const LONG = { eof: 60_000, term: 60_000 };
let program: string;
let helper: RunningHelper;
beforeAll(async () => {
  program = await buildSpawn();
  helper = await startHelper({ program });
});
afterAll(() => helper.close());

const options = (more: Partial<RemoteSpawnOptions> = {}): RemoteSpawnOptions => ({
  ...spawnOptions(),
  socket: helper.socket,
  ...more,
});
const spawnFixture = (name: string, args: readonly string[] = [], more: Partial<RemoteSpawnOptions> = {}) =>
  spawnRemote(fixtureLaunch(name, args), options(more));
const failure = (launch: Launch, more: Partial<RemoteSpawnOptions> = {}): Promise<BerthError> =>
  spawnRemote(launch, options(more)).then(
    () => expect.fail('started'),
    (thrown: BerthError) => thrown,
  );

describe('a process', () => {
  it('has exactly the environment and folder of its launch', async () => {
    const launch = { ...fixtureLaunch('polite'), env: { ONE: '1' } };
    const started = await spawnRemote(launch, options());
    expect(JSON.parse(await stderrMatch(started, /(.+)/))).toEqual({ env: { ONE: '1' }, cwd: launch.cwd });
    await started.stop();
  });

  it('tells when it was started, how long that took, and its id', async () => {
    const before = systemClock.now();
    const started = await spawnFixture('polite');
    expect(started.startedAt).toBeGreaterThanOrEqual(before);
    expect(started.spawnMs).toBeGreaterThan(0);
    expect(isRunning(started.pid)).toBe(true);
    await started.stop();
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
    expect(started.stderrTail(5).join()).toContain('starting up, this is no JSON');
  });

  it('tells exit code and last stderr lines when it ends by itself', async () => {
    const started = await spawnFixture('exits', ['7', '0', 'bad key sk-12345678 given'], {
      secrets: ['sk-12345678'],
    });
    const lines: string[] = [];
    started.onStderr((line) => lines.push(line));
    expect(await started.exited).toEqual({ code: 7, signal: null });
    expect(started.exit).toEqual({ code: 7, signal: null });
    expect(started.stderrTail(5)).toEqual(['bad key [secret] given']);
    expect(lines).toEqual(started.stderrTail(5));
    expect(started.scrub('sk-12345678')).toBe('[secret]');
    expect(started.stopping).toBe(false);
    await started.ended;
  });

  it('tells the signal that ended it', async () => {
    const started = await spawnFixture('polite');
    process.kill(started.pid, 'SIGSEGV');
    expect(await started.exited).toEqual({ code: null, signal: 'SIGSEGV' });
    await started.ended;
  });

  it('floods its stderr without being lost, and its last words are kept', async () => {
    const started = await spawnFixture('stderr-flood', ['16']);
    expect(await started.exited).toEqual({ code: 3, signal: null });
    expect(started.stderrTail(1)).toEqual(['last words']);
    await started.ended;
  });
});

describe('stop', () => {
  it('ends a polite process by the end of its input alone', async () => {
    const started = await spawnFixture('polite', [], { graces: LONG });
    await stderrMatch(started, /(.+)/);
    expect(await started.stop()).toEqual({ code: 0, signal: null });
    expect(started.stopping).toBe(true);
  });

  it('lets a process read what was sent before', async () => {
    const launch = { ...fixtureLaunch('polite'), file: '/bin/sh', args: ['-c', 'wc -c >&2'] };
    const started = await spawnRemote(launch, options({ graces: LONG }));
    const text = Buffer.alloc(4 * 1024 * 1024, 'x');
    started.channel.send([text]);
    await started.stop();
    expect(started.stderrTail(1)).toEqual([String(text.length + 1)]);
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
    ['a grandchild whose parent has ended and that cleared its environment', ['middle', 'cleared']],
  ])('also ends %s', async (_name, args) => {
    const started = await spawnFixture('grandchild', args);
    const left = Number(await stderrMatch(started, /left (\d+)/));
    expect((await started.stop()).code).toBe(0);
    expect(isRunning(left)).toBe(false);
  });

  it('waits for the rest when the process has ended by itself', async () => {
    const started = await spawnFixture('grandchild', ['exits']);
    const left = Number(await stderrMatch(started, /left (\d+)/));
    expect(await started.exited).toEqual({ code: 7, signal: null });
    expect(await started.stop()).toEqual({ code: 7, signal: null });
    expect(isRunning(left)).toBe(false);
  });
});

describe('a program that cannot be started', () => {
  it.each([
    ['a missing program', { file: '/no/such/program' }, 'does not exist in the workload container'],
    ['a missing folder', { cwd: '/no/such/folder' }, 'The working folder /no/such/folder does not exist'],
    [
      'a folder that is a file',
      { cwd: '/etc/passwd' },
      'cannot be entered in the workload container (ENOTDIR)',
    ],
    ['a program that is a folder', { file: tmpdir() }, 'an executable program'],
    ['an argument that no system takes', { args: ['x'.repeat(200_000)] }, 'too long'],
    ['arguments that no request takes', { args: ['x'.repeat(4 * 1024 * 1024)] }, 'too long'],
    ['an argument with a zero byte', { args: ['a\0b'] }, 'Check program, arguments'],
    ['a relative folder', { cwd: 'somewhere' }, 'Check program, arguments'],
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

describe('a helper', () => {
  const launch = fixtureLaunch('polite');
  const others: RunningHelper[] = [];
  afterEach(async () => {
    await Promise.all(others.splice(0).map((one) => one.close()));
  });
  const another = async (more: Partial<Parameters<typeof startHelper>[0]> = {}): Promise<RunningHelper> => {
    const started = await startHelper({ program, ...more });
    others.push(started);
    return started;
  };

  it('that is not there is waited for, and then named', async () => {
    const socket = join(helper.folder, 'nothing');
    const error = await failure(launch, { socket, connectMs: 200 });
    expect(error).toMatchObject({ code: 'start-failed', details: { phase: 'spawn' } });
    expect(error.message).toContain(`no berth-spawn at ${socket} (ENOENT)`);
    expect(error.hint).toContain('workload container must be up');
  });

  it('that starts a moment later serves the start that waits', async () => {
    const first = await another();
    first.child.kill('SIGKILL');
    await eventually('its end', () => first.child.signalCode);
    const [started] = await Promise.all([
      spawnRemote(launch, options({ socket: first.socket })),
      another({ folder: first.folder }),
    ]);
    await started.stop();
  });

  it('that expects another user id is told apart', async () => {
    const { socket } = await another({ peerUid: UID + 1 });
    const error = await failure(launch, { socket });
    expect(error).toMatchObject({ code: 'start-failed', details: { phase: 'spawn' } });
    expect(error.hint).toContain('--peer-uid');
  });

  it('that is full is busy', async () => {
    const { socket } = await another({ args: ['--max-processes', '1'] });
    const only = await spawnRemote(launch, options({ socket }));
    expect(await failure(launch, { socket })).toMatchObject({
      code: 'busy',
      details: { phase: 'spawn', hint: expect.stringMatching(/limits\.sessions.*memory limit.*replicas/) },
    });
    await only.stop();
  });

  it('that is full takes whoever comes as one is ending, as soon as it is gone', async () => {
    const { socket } = await another({ args: ['--max-processes', '1'] });
    const pool = createProcessPool({
      definition: { name: 'polite', launch, limits: DEFAULT_LIMITS },
      clock: systemClock,
      spawn: (one) => spawnRemote(one, options({ socket })),
    });
    for (let round = 0; round < 5; round++) {
      const before = await pool.acquire();
      const ending = before.stop();
      const next = await pool.acquire();
      expect(isRunning(before.pid)).toBe(false);
      await Promise.all([ending, next.stop()]);
    }
    await pool.close();
  });

  it('that dies takes its processes with it, and each of them says so', async () => {
    const { socket, child } = await another();
    const started = await spawnRemote(fixtureLaunch('stubborn'), options({ socket }));
    const ends: unknown[] = [];
    started.channel.start({
      message: () => {},
      oversized: () => {},
      noise: () => {},
      drain: () => {},
      end: (end) => ends.push(end),
    });
    child.kill('SIGKILL');
    await started.exited;
    await started.ended;
    await eventually('it is gone', () => !isRunning(started.pid));
    await eventually('the end of its channel', () => ends.length === 1);
    expect(await started.stop()).toEqual(started.exit);
  });

  it('that loses a keeper has that process end without an exit code', async () => {
    const { socket, child } = await another();
    const started = await spawnRemote(launch, options({ socket }));
    const keeper = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1'));
    process.kill(keeper, 'SIGKILL');
    expect(await started.exited).toEqual({ code: null, signal: null });
    expect(started.stderrTail(1)).toEqual(['[berth: the connection to berth-spawn was lost]']);
  });

  it.each([
    ['says nothing that can be understood', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['closes at once', ''],
  ])('that is none and %s is a failed start', async (_name, text) => {
    const path = join(helper.folder, 'other');
    const server: Server = createServer((socket: Socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end(text),
    ).listen(path);
    const error = await failure(launch, { socket: path });
    expect(error.message).toContain('closed the connection');
    await new Promise((resolve) => server.close(resolve));
  });
});

it('a pool starts spares over the helper, and all that is registered ends at once', async () => {
  const registry = createProcessRegistry();
  const launch = fixtureLaunch('polite');
  const started: LocalProcess[] = [];
  const pool = createProcessPool({
    definition: { name: 'polite', launch, limits: { ...DEFAULT_LIMITS, spares: 2 } },
    spawn: async (one) => {
      const next = await spawnRemote(one, options({ registry }));
      started.push(next);
      return next;
    },
    clock: systemClock,
  });
  await eventually('two spares', () => pool.status.spares === 2);
  await pool.acquire();
  await eventually('another spare', () => started.length === 3 && pool.status.spares === 2);
  registry.killNow();
  for (const one of started) await one.ended;
  for (const { pid } of started) await eventually('gone', () => !isRunning(pid));
  await pool.close();
});

describe('presence', () => {
  let presence: SpawnPresence | undefined;
  afterEach(() => presence?.close());

  it('shows a helper that comes, goes and comes again', async () => {
    const first = await startHelper({ program });
    let changes = 0;
    presence = holdSpawnPresence({ socket: first.socket, clock: systemClock, changed: () => changes++ });
    expect(presence.present).toBe(false);
    await eventually('it is there', () => presence?.present);
    first.child.kill('SIGKILL');
    await eventually('it is gone', () => presence?.present === false);
    const second = await startHelper({ program, folder: first.folder });
    await eventually('it is there again', () => presence?.present);
    expect(changes).toBe(3);
    presence.close();
    await second.close();
  });

  it('is never reported of a helper that refuses it', async () => {
    const other = await startHelper({ program, peerUid: UID + 1 });
    let changes = 0;
    presence = holdSpawnPresence({ socket: other.socket, clock: systemClock, changed: () => changes++ });
    for (let n = 0; n < 40; n++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect({ changes, present: presence.present }).toEqual({ changes: 0, present: false });
    await other.close();
  });
});
