/** berth-spawn starts processes, carries nothing of theirs but standard error, and ends all that they leave. */
import { readFileSync, statSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, fixture, isRunning } from '../support/local-process.ts';
import {
  buildSpawn,
  launchOf,
  openData,
  RawConnection,
  type RawProcess,
  type RunningHelper,
  requestProcess,
  startHelper,
  startProcess,
} from '../support/spawn-helper.ts';

const LONG = { eof: 60_000, term: 60_000 };
const MIB = 1024 * 1024;

const program = await buildSpawn(process.env.BERTH_SPAWN_BUILD === 'sanitize' ? 'sanitize' : 'release');
const helpers: RunningHelper[] = [];
afterEach(async () => {
  await Promise.all(helpers.splice(0).map((helper) => helper.close()));
});

async function open(...args: string[]): Promise<RunningHelper> {
  const helper = await startHelper({ program, args });
  helpers.push(helper);
  return helper;
}

const sh = (script: string) => launchOf('/bin/sh', ['-c', script]);
const node = (name: string, ...args: string[]) => launchOf(process.execPath, [fixture(name), ...args]);
const isGone = (pid: number) => eventually(`${pid} is gone`, () => !isRunning(pid));

/** Parent and state of a process that has perhaps ended. */
function statOf(pid: number): { readonly state: string | undefined; readonly parent: number } | undefined {
  try {
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** The keeper of a process is its parent. */
const keeperOf = (pid: number): number => statOf(pid)?.parent ?? 0;

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
}

describe('a process', () => {
  it('tells its exit code behind its last standard error, then that nothing is left', async () => {
    const { socket } = await open();
    const { control, output } = await startProcess(
      socket,
      sh('echo out; echo first >&2; echo last >&2; exit 7'),
    );
    await control.record('over');
    await control.end();
    await output.end();
    const [, , ...rest] = control.records;
    expect(rest.at(-2)).toEqual({ kind: 'exited', exit: { code: 7, signal: null } });
    expect(rest.at(-1)).toEqual({ kind: 'over', left: 0 });
    expect(rest.slice(0, -2).every(({ kind }) => kind === 'stderr')).toBe(true);
    expect(output.text).toBe('out\n');
  });

  it('tells the signal that ended it', async () => {
    const { socket } = await open();
    const started = await startProcess(socket, sh('kill -SEGV $$'));
    expect((await started.control.record('exited')).exit).toEqual({ code: null, signal: 'SIGSEGV' });
  });

  it('gets signals by number', async () => {
    const { socket } = await open();
    const started = await startProcess(
      socket,
      sh('trap "exit 9" USR1; echo ready >&2; while :; do sleep 0.05; done'),
    );
    await started.said(/(ready)/);
    started.send({ signal: 'SIGUSR1' });
    expect((await started.control.record('exited')).exit).toEqual({ code: 9, signal: null });
  });

  it('reads what is sent to it, to its end, and is read to its end', async () => {
    const { socket } = await open();
    const { control, input, output } = await startProcess(socket, launchOf('/bin/cat'));
    const sent = Buffer.alloc(10 * MIB, 'some bytes, ');
    input.socket.end(sent);
    await output.end();
    expect(output.bytes.equals(sent)).toBe(true);
    expect((await control.record('exited')).exit).toEqual({ code: 0, signal: null });
  });

  it('has closed its output when it says so, though it goes on', async () => {
    const { socket } = await open();
    const started = await startProcess(socket, sh('echo last; exec >&-; read line; exit 4'));
    await started.output.end();
    expect(started.output.text).toBe('last\n');
    started.input.socket.write('line\n');
    expect((await started.control.record('exited')).exit).toEqual({ code: 4, signal: null });
  });

  it('has three descriptors, a session of its own, and no signal blocked or ignored', async () => {
    const { socket } = await open();
    const list = await startProcess(socket, launchOf('/bin/ls', ['/proc/self/fd']));
    await list.output.end();
    // The last is of ls itself.
    expect(list.output.text).toBe('0\n1\n2\n3\n');
    const cat = await startProcess(socket, launchOf('/bin/cat', ['/proc/self/status', '/proc/self/stat']));
    await cat.output.end();
    expect(cat.output.text).toMatch(/SigBlk:\s0+\nSigIgn:\s0+\n/);
    expect(cat.output.text).toMatch(new RegExp(`\\) . \\d+ ${cat.pid} ${cat.pid} 0 `));
  });

  it('has input and output that are not one: what it does to one leaves the other as it is', async () => {
    const { socket } = await open();
    const script =
      'process.stdin.on("data", () => {}); require("child_process").spawn("sh", ["-c", "grep flags /proc/self/fdinfo/1 >&2"], { stdio: "inherit" })';
    const started = await startProcess(socket, launchOf(process.execPath, ['-e', script]));
    const flags = Number.parseInt(await started.said(/flags:\s+(\d+)/), 8);
    expect(flags & 0o4000).toBe(0);
    started.destroy();
  });
});

describe('standard error', () => {
  it('that nobody reads stops its process and no other', async () => {
    const { socket } = await open();
    const flood = await startProcess(socket, node('stderr-flood', '8'));
    flood.control.socket.pause();
    for (let n = 0; n < 3; n++) {
      const other = await startProcess(socket, sh('echo fine >&2; exit 1'));
      expect((await other.control.record('exited')).exit.code).toBe(1);
      expect(other.errors).toBe('fine\n');
    }
    expect(isRunning(flood.pid)).toBe(true);
    flood.control.socket.resume();
    expect((await flood.control.record('exited')).exit.code).toBe(3);
    await flood.control.record('over');
    expect(flood.errors.length).toBeGreaterThan(8 * MIB);
    expect(flood.errors.endsWith('last words\n')).toBe(true);
  });

  it('that nobody reads keeps no process from being ended', async () => {
    const { socket } = await open();
    const flood = await startProcess(socket, node('stderr-flood', '8'));
    flood.control.socket.pause();
    flood.send('kill');
    await isGone(flood.pid);
    flood.destroy();
  });
});

describe('the ladder', () => {
  it('ends a polite process by the end of its input alone', async () => {
    const { socket } = await open();
    const started = await startProcess(socket, node('polite'), LONG);
    await started.said(/(.+)\n/);
    started.input.socket.end();
    started.send('stop');
    expect((await started.control.record('exited')).exit).toEqual({ code: 0, signal: null });
    await started.control.record('over');
  });

  it('asks by SIGTERM, and then does not ask any more', async () => {
    const { socket } = await open();
    const started = await startProcess(socket, node('stubborn'));
    await started.said(/(ready)/);
    started.send('stop');
    expect((await started.control.record('exited')).exit).toEqual({ code: null, signal: 'SIGKILL' });
    expect(started.errors).toContain('ignores SIGTERM');
    expect(await started.control.record('over')).toEqual({ kind: 'over', left: 0 });
  });

  it('is cut short by a kill', async () => {
    const { socket } = await open();
    const started = await startProcess(socket, node('stubborn'), LONG);
    await started.said(/(ready)/);
    started.send('stop');
    started.send('kill');
    expect((await started.control.record('exited')).exit).toEqual({ code: null, signal: 'SIGKILL' });
    expect(started.errors).not.toContain('ignores SIGTERM');
  });

  it.each([
    ['a grandchild in its own session', []],
    ['a grandchild whose parent has ended', ['middle']],
    ['a child in its own session with a cleared environment', ['cleared']],
    ['a grandchild whose parent has ended, with a cleared environment', ['middle', 'cleared']],
  ])('also ends %s', async (_name, args) => {
    const { socket } = await open();
    const started = await startProcess(socket, node('grandchild', ...args));
    const left = Number(await started.said(/left (\d+)\n/));
    expect(isRunning(left)).toBe(true);
    started.input.socket.end();
    started.send('stop');
    await started.control.record('over');
    expect(isRunning(left)).toBe(false);
  });

  it('ends what a process leaves that ends by itself', async () => {
    const { socket } = await open();
    const started = await startProcess(socket, node('grandchild', 'exits'));
    const left = Number(await started.said(/left (\d+)\n/));
    expect((await started.control.record('exited')).exit.code).toBe(7);
    await started.control.record('over');
    expect(isRunning(left)).toBe(false);
  });

  it('ends a family that grows while it is ended', async () => {
    const { socket } = await open('--max-tasks', '4096');
    // Each generation starts the next in a session of its own, and ends.
    const script = 'trap "" TERM; f() { setsid sh -c "$1" sh "$1" & }; f "$1"; sleep 0.01; exit 0';
    const started = await startProcess(socket, launchOf('/bin/sh', ['-c', script, 'sh', script]));
    const keeper = keeperOf(started.pid);
    await started.control.record('exited');
    expect(await started.control.record('over')).toEqual({ kind: 'over', left: 0 });
    await isGone(keeper);
  });

  it('goes down when the control connection is lost, from the end of input on', async () => {
    const { socket } = await open();
    const polite = await startProcess(socket, node('polite'), LONG);
    const stubborn = await startProcess(socket, node('grandchild'));
    const left = Number(await stubborn.said(/left (\d+)\n/));
    await polite.said(/(.+)\n/);
    // Input and output stay open: it is the helper that ends the input.
    for (const { control } of [polite, stubborn]) control.socket.destroy();
    for (const pid of [polite.pid, stubborn.pid, left]) await isGone(pid);
    await polite.output.end();
  });

  it('leaves neighbours alone', async () => {
    const { socket } = await open();
    const [neighbour, ended] = [
      await startProcess(socket, node('polite')),
      await startProcess(socket, node('stubborn')),
    ];
    ended.send('kill');
    await ended.control.record('over');
    expect(isRunning(neighbour.pid)).toBe(true);
    neighbour.destroy();
  });
});

describe('the helper', () => {
  it('runs twenty processes at once, each with its own streams', async () => {
    const { socket, child } = await open();
    const echo = (n: number) => sh(`while read line; do echo "${n} $line"; done; exit ${n}`);
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => startProcess(socket, echo(n))));
    expect(new Set(all.map(({ pid }) => keeperOf(pid))).size).toBe(20);
    for (const { input } of all) input.socket.end('hello\nagain\n');
    for (const [n, { control, output }] of all.entries()) {
      expect((await control.record('exited')).exit).toEqual({ code: n, signal: null });
      await output.end();
      expect(output.text).toBe(`${n} hello\n${n} again\n`);
    }
    await eventually('no child is left, not even a dead one', () => childrenOf(child.pid ?? 0).length === 0);
  });

  it('leaves no dead process unburied, its own or another', async () => {
    const { socket } = await open();
    const orphans = 'for n in 1 2 3 4 5; do (sh -c "sleep 0.01" & ) ; done; echo ready >&2; read line';
    const started = await startProcess(socket, sh(orphans));
    await started.said(/(ready)/);
    await eventually('only the process itself is left', () => childrenOf(keeperOf(started.pid)).length === 1);
    started.destroy();
  });

  it('refuses another user id on every kind of connection, and says so', async () => {
    const helper = await startHelper({ program, peerUid: 4_242 });
    helpers.push(helper);
    const control = requestProcess(helper.socket, launchOf('/bin/true'));
    expect(await control.record('failed')).toMatchObject({ step: 'refused', code: 'EACCES' });
    for (const first of ['BS1P', 'BS1I', 'BS1O']) {
      const other = new RawConnection(helper.socket);
      other.socket.write(first);
      expect(await other.record('failed')).toMatchObject({ step: 'refused' });
      await other.end();
    }
    expect(childrenOf(helper.child.pid ?? 0)).toEqual([]);
  });

  it('starts no more processes than it may, and counts those that wait', async () => {
    const { socket } = await open('--max-processes', '2');
    const waiting = requestProcess(socket, launchOf('/bin/true'));
    await waiting.record('token');
    const first = await startProcess(socket, launchOf('/bin/cat'));
    const refused = requestProcess(socket, launchOf('/bin/true'));
    expect(await refused.record('failed')).toMatchObject({ step: 'limit', code: 'EAGAIN' });
    first.input.socket.end();
    await first.control.record('over');
    await eventually('room', async () => {
      const next = requestProcess(socket, launchOf('/bin/true'));
      await eventually('an answer', () => next.records[0]);
      next.socket.destroy();
      return next.records[0]?.kind === 'token';
    });
  });

  it('lets any user id knock, as only the kernel can say who it is', async () => {
    const { socket } = await open();
    expect((statSync(socket).mode & 0o777).toString(8)).toBe('666');
  });

  it('takes over the socket of one that was killed, and leaves that of a living one', async () => {
    const first = await open();
    await expect(startHelper({ program, folder: first.folder })).rejects.toThrow('in use');
    first.child.kill('SIGKILL');
    await eventually('its end', () => first.child.signalCode);
    const second = await startHelper({ program, folder: first.folder });
    helpers.push(second);
    await (await startProcess(second.socket, launchOf('/bin/true'))).control.record('over');
  });

  it('cannot be looked into by what it starts', async () => {
    const { child } = await open();
    // Its owner is root, whatever its user id: nobody else may read its memory or open its descriptors.
    expect(statSync(`/proc/${child.pid}/fd`).uid).toBe(0);
    expect(readFileSync(`/proc/${child.pid}/status`, 'latin1')).toContain('SigIgn');
  });
});

describe('when something is killed', () => {
  const withGrandchild = async (socket: string): Promise<{ started: RawProcess; left: number }> => {
    const started = await startProcess(socket, node('grandchild'));
    return { started, left: Number(await started.said(/left (\d+)\n/)) };
  };

  it('a keeper takes its processes with it, and neighbours stay', async () => {
    const { socket } = await open();
    const { started, left } = await withGrandchild(socket);
    const neighbour = await withGrandchild(socket);
    process.kill(keeperOf(started.pid), 'SIGKILL');
    for (const pid of [started.pid, left]) await isGone(pid);
    await started.control.end();
    expect(started.control.records.some(({ kind }) => kind === 'exited')).toBe(false);
    expect([neighbour.started.pid, neighbour.left].every(isRunning)).toBe(true);
    neighbour.started.destroy();
  });

  it('the helper takes all of its processes with it', async () => {
    const { socket, child } = await open();
    const { started, left } = await withGrandchild(socket);
    const keeper = keeperOf(started.pid);
    child.kill('SIGKILL');
    for (const pid of [started.pid, left, keeper]) await isGone(pid);
  });
});

describe('told to end', () => {
  it('the helper stays until its processes have ended and the supervisor is gone', async () => {
    const { socket, child } = await open();
    const presence = new RawConnection(socket, 'bytes');
    presence.socket.write('BS1P');
    await eventually('a welcome', () => presence.text.startsWith('W'));
    const started = await startProcess(socket, launchOf('/bin/cat'));
    child.kill('SIGTERM');
    const later = await startProcess(socket, launchOf('/bin/cat'));
    for (const { control, input } of [started, later]) {
      input.socket.end();
      await control.record('over');
    }
    expect(child.exitCode).toBeNull();
    presence.socket.destroy();
    expect(await eventually('its end', () => child.exitCode ?? undefined)).toBe(0);
  });

  it('the helper ends at once when nobody needs it, and takes its socket away', async () => {
    const { socket, child } = await open();
    child.kill('SIGTERM');
    await eventually('its end', () => child.exitCode === 0);
    expect(() => statSync(socket)).toThrow('ENOENT');
  });

  it('twice, it has everything go down the ladder', async () => {
    const { socket, child } = await open();
    const presence = new RawConnection(socket, 'bytes');
    presence.socket.write('BS1P');
    await eventually('a welcome', () => presence.text.startsWith('W'));
    const started = await startProcess(socket, node('stubborn'));
    await started.said(/(ready)/);
    child.kill('SIGTERM');
    await openData(socket, 'input', Buffer.alloc(16)).end();
    child.kill('SIGTERM');
    expect((await started.control.record('exited')).exit.signal).toBe('SIGKILL');
    await eventually('its end', () => child.exitCode === 0);
  });
});
