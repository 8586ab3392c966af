/** `berth-spawn join`, which kubectl exec runs, carries bytes both ways and ends by itself whatever happens to its ends. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIB, pattern, readAll } from '../support/bytes.ts';
import { eventually } from '../support/local-process.ts';
import { type Build, buildSpawn } from '../support/spawn-helper.ts';

const LONG = '600000';

type Joiner = ChildProcessByStdio<Writable, Readable, Readable>;

describe.each<Build>(['release', 'sanitize'])('the %s build', (build) => {
  let folder: string;
  let path: string;
  let server: Server;
  let joiner: Joiner | undefined;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-join-'));
    path = join(folder, 'link.sock');
    server = createServer({ allowHalfOpen: true });
    server.listen(path);
    await once(server, 'listening');
  });
  afterEach(async () => {
    if (joiner && joiner.exitCode === null && joiner.signalCode === null) {
      joiner.kill('SIGKILL');
      await once(joiner, 'exit');
    }
    server.close();
    rmSync(folder, { recursive: true });
  });

  const run = async (idleMs: string = LONG, waitMs = '0'): Promise<Joiner> => {
    const args = ['join', '--socket', path, '--idle-ms', idleMs, '--wait-ms', waitMs];
    joiner = spawn(await buildSpawn(build), args, { stdio: ['pipe', 'pipe', 'pipe'] });
    joiner.stdin.on('error', () => {});
    return joiner;
  };
  /** Starts it and gives the supervisor's end as well. */
  const open = async (idleMs?: string): Promise<{ child: Joiner; peer: Socket }> => {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const child = await run(idleMs);
    const [peer] = await accepted;
    peer.on('error', () => {});
    return { child, peer };
  };
  const ended = async (child: Joiner): Promise<{ code: number | null; said: string }> => {
    const said = readAll(child.stderr);
    await eventually('its end', () => child.exitCode !== null || child.signalCode !== null);
    return { code: child.exitCode, said: String(await said) };
  };

  it('carries ten mebibytes each way at the same time, byte for byte', async () => {
    const { child, peer } = await open();
    const [up, down] = [pattern(10 * MIB), pattern(10 * MIB + 1)];
    child.stdin.end(up);
    peer.end(down);
    const [gotUp, gotDown] = await Promise.all([readAll(peer), readAll(child.stdout)]);
    expect(gotUp.equals(up)).toBe(true);
    expect(gotDown.equals(down)).toBe(true);
    expect(await ended(child)).toEqual({ code: 0, said: '' });
  });

  it('forwards the end of its input and goes on with the other direction', async () => {
    const { child, peer } = await open();
    child.stdin.end('question');
    expect(String(await readAll(peer))).toBe('question');
    peer.end('answer');
    expect(String(await readAll(child.stdout))).toBe('answer');
    expect((await ended(child)).code).toBe(0);
  });

  it('ends when the supervisor closes, though its input stays open, behind the last byte', async () => {
    const { child, peer } = await open();
    peer.end(pattern(MIB), () => peer.destroy());
    expect((await readAll(child.stdout)).length).toBe(MIB);
    expect(await ended(child)).toEqual({ code: 0, said: '' });
  });

  it("forwards the end of the supervisor's output as well", async () => {
    const { child, peer } = await open();
    peer.end('answer');
    expect(String(await readAll(child.stdout))).toBe('answer');
    child.stdin.end('later question');
    expect(String(await readAll(peer))).toBe('later question');
    expect((await ended(child)).code).toBe(0);
  });

  it('holds a bounded number of bytes for a side that does not read', async () => {
    const { child, peer } = await open();
    peer.pause();
    for (let n = 0; n < 256; n++) child.stdin.write(Buffer.alloc(MIB / 16));
    let before = -1;
    await eventually('nothing moves any more', async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const isStill = child.stdin.writableLength === before;
      before = child.stdin.writableLength;
      return isStill;
    });
    // Of sixteen mebibytes, two kernels' buffers and its own took what they hold.
    expect(before).toBeGreaterThan(14 * MIB);
    peer.resume();
    child.stdin.end();
    await eventually('the rest', () => peer.readableEnded);
    peer.end();
    expect((await ended(child)).code).toBe(0);
  });

  it.each([
    ['its input', 'standard input was silent', (_child: Joiner, peer: Socket) => peer.write('x')],
    ['the supervisor', 'the socket was silent', (child: Joiner) => child.stdin.write('x')],
  ] as const)(
    'ends when %s says nothing for the idle time, whatever the other says',
    async (_name, reason, say) => {
      const { child, peer } = await open('1000');
      peer.resume();
      child.stdout.resume();
      const timer = setInterval(() => say(child, peer), 20);
      const { code, said } = await ended(child);
      clearInterval(timer);
      expect(code).toBe(3);
      expect(said).toContain(reason);
    },
  );

  it('does not end while both sides speak', async () => {
    const { child, peer } = await open('1500');
    peer.on('data', (data) => peer.write(data));
    for (const end = Date.now() + 2_500; Date.now() < end; ) {
      child.stdin.write('x');
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(child.exitCode).toBeNull();
  });

  it('ends when nobody reads its output any more', async () => {
    const { child, peer } = await open();
    child.stdout.destroy();
    expect(await ended(child)).toEqual({ code: 5, said: expect.stringContaining('nobody reads') });
    await eventually(
      'the supervisor knows',
      () => peer.readableEnded || peer.destroyed || peer.resume().closed,
    );
  });

  it('ends when the supervisor is gone in the middle', async () => {
    const { child, peer } = await open();
    child.stdin.write(pattern(MIB));
    await once(peer, 'data');
    peer.destroy();
    expect([0, 6]).toContain((await ended(child)).code);
  });

  it.each(['nobody listens', 'nothing is there'])('says where it cannot connect when %s', async (name) => {
    await new Promise((resolve) => server.close(resolve));
    if (name === 'nothing is there') rmSync(path, { force: true });
    const { code, said } = await ended(await run());
    expect(code).toBe(4);
    expect(said).toMatch(/^berth-spawn: cannot connect to .*link\.sock: .+\n$/);
  });

  it('waits for a supervisor that does not listen yet', async () => {
    await new Promise((resolve) => server.close(resolve));
    const child = await run(LONG, LONG);
    child.stdin.end('question');
    // It has looked, and found nothing.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(child.exitCode).toBeNull();
    server = createServer({ allowHalfOpen: true });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    server.listen(path);
    const [peer] = await accepted;
    expect(String(await readAll(peer))).toBe('question');
    peer.end();
    expect(await ended(child)).toEqual({ code: 0, said: '' });
  });

  it('does not wait for it when nobody reads what it will say', async () => {
    await new Promise((resolve) => server.close(resolve));
    const child = await run(LONG, LONG);
    child.stdout.destroy();
    expect((await ended(child)).code).toBe(5);
  });
});
