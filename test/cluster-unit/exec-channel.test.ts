import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { CLOSE_LIMIT, type ExecChannel, openExec } from '../../src/cluster/exec-channel.ts';
import type { ExecExit } from '../../src/cluster/exec-exit.ts';
import { CHANNEL, MOST_FRAME, V4, V5 } from '../../src/cluster/exec-frames.ts';
import { QUIET, STALL_LIMIT } from '../../src/cluster/exec-reading.ts';
import { calm, until } from '../link/waiting.ts';
import type { ExecPeer } from './exec-peer.ts';
import { StandInApi } from './stand-in-api.ts';

const KIB = 1024;
const TARGET = { namespace: 'demo', pod: 'web-1', container: 'supervisor', command: ['/bin/join', 'a b&c'] };

let api: StandInApi;
let clock: ManualClock;
let said: Buffer[];

beforeEach(async () => {
  api = await StandInApi.start();
  clock = new ManualClock();
  said = [];
});
afterEach(() => api.close());

const open = (): Promise<ExecChannel> =>
  openExec({ access: api.access(), target: TARGET, clock, stderr: (bytes) => said.push(bytes) });

async function opened(): Promise<{ channel: ExecChannel; peer: ExecPeer }> {
  const channel = await open();
  await until('the exec', () => api.peers.length > 0);
  return { channel, peer: api.peers.at(-1) as ExecPeer };
}

/** Everything up to the end of the output. */
async function output(channel: ExecChannel): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of channel) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe('an exec channel', () => {
  it('asks for the command with both subprotocols, without compression', async () => {
    const channel = await open();
    const [{ url, headers } = expect.fail('no request')] = api.requests;
    expect(url.pathname).toBe('/api/v1/namespaces/demo/pods/web-1/exec');
    expect(url.searchParams.getAll('command')).toEqual(['/bin/join', 'a b&c']);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      container: 'supervisor',
      stdin: 'true',
      stdout: 'true',
      stderr: 'true',
    });
    expect(url.searchParams.has('tty')).toBe(false);
    expect(headers['sec-websocket-protocol']).toBe(`${V5},${V4}`);
    expect(headers['sec-websocket-extensions']).toBeUndefined();
    channel.destroy();
  });

  it.each([V5, V4])('carries bytes both ways over %s', async (protocol) => {
    api.protocols = [protocol];
    const { channel, peer } = await opened();
    peer.stdout('');
    peer.stdout('hel');
    peer.stdout('lo');
    channel.write('there');
    await until('the input', () => peer.stdin.toString() === 'there');
    peer.exit(0);
    expect((await output(channel)).toString()).toBe('hello');
    expect(await channel.exit).toEqual({ kind: 'exited', code: 0 });
    expect(channel.halfCloses).toBe(protocol === V5);
  });

  it('gives a character that frames cut in two as it was', async () => {
    const { channel, peer } = await opened();
    const euro = Buffer.from('€'.repeat(20_000));
    for (let at = 0; at < euro.length; at += 32 * KIB) peer.stdout(euro.subarray(at, at + 32 * KIB));
    peer.exit(0);
    expect((await output(channel)).toString()).toBe('€'.repeat(20_000));
  });

  it('sends what one turn wrote in one frame', async () => {
    const { channel, peer } = await opened();
    for (let at = 0; at < 200; at++) channel.write(`line ${at}\n`);
    await until('the input', () => peer.stdin.includes('line 199\n'));
    expect(peer.messages).toHaveLength(1);
    channel.destroy();
  });

  it('sends frames of at most 32 KiB, each whole and uncompressed', async () => {
    const { channel, peer } = await opened();
    const long = Buffer.alloc(500 * KIB, 'x');
    channel.write(long);
    await until('the input', () => peer.stdin.length === long.length);
    expect(peer.stdin).toEqual(long);
    expect(peer.frames.length).toBe(Math.ceil(long.length / (MOST_FRAME - 1)));
    for (const frame of peer.frames)
      expect(frame).toMatchObject({ final: true, compressed: false, opcode: 2 });
    expect(Math.max(...peer.frames.map(({ bytes }) => bytes))).toBe(MOST_FRAME);
    channel.destroy();
  });

  it('ends the input alone on v5', async () => {
    const { channel, peer } = await opened();
    channel.end('last words');
    await until('the end of input', () => peer.stdinClosed);
    expect(peer.stdin.toString()).toBe('last words');
    peer.stdout('the answer');
    peer.exit(0);
    expect((await output(channel)).toString()).toBe('the answer');
  });

  it('ends the connection on v4, where nothing else can', async () => {
    api.protocols = [V4];
    const { channel, peer } = await opened();
    channel.end('last words');
    await until('the end', () => peer.closed);
    expect(peer.stdin.toString()).toBe('last words');
    expect(peer.stdinClosed).toBe(false);
    expect(await channel.exit).toEqual({ kind: 'closed' });
  });

  it('hands on standard error within bounds and keeps its end', async () => {
    const { channel, peer } = await opened();
    peer.say(CHANNEL.stderr, 'first\nsecond\n');
    await until('stderr', () => said.length > 0);
    expect(channel.stderr).toEqual(['first', 'second']);
    for (let at = 0; at < 100; at++) peer.say(CHANNEL.stderr, `${'x'.repeat(2 * KIB)}\n`);
    peer.say(CHANNEL.stderr, 'the end\n');
    await until('the last line', () => channel.stderr.at(-1) === 'the end');
    expect(Buffer.concat(said)).toHaveLength(64 * KIB);
    clock.advance(60_000);
    peer.say(CHANNEL.stderr, 'a minute later\n');
    await until('the next line', () => said.at(-1)?.toString() === 'a minute later\n');
    channel.destroy();
  });

  it('gives up waiting to be told that the connection has ended', async () => {
    const { channel, peer } = await opened();
    peer.say(CHANNEL.status, '{"status":"Success"}');
    peer.stdout('overtaken by the status');
    await once(channel, 'readable');
    await calm();
    clock.advance(CLOSE_LIMIT);
    expect((await output(channel)).toString()).toBe('overtaken by the status');
    expect(await channel.exit).toEqual({ kind: 'exited', code: 0 });
  });

  it('drops what is written after the end', async () => {
    const { channel, peer } = await opened();
    peer.exit(0);
    expect(await channel.exit).toEqual({ kind: 'exited', code: 0 });
    const written = new Promise((resolve) => channel.write('nobody is there', resolve));
    expect(await written).toBeFalsy();
    await output(channel);
  });

  it('can be destroyed at any time, twice too', async () => {
    const { channel, peer } = await opened();
    channel.write('unsent');
    channel.destroy();
    channel.destroy();
    await until('the end', () => peer.closed);
    expect(await channel.exit).toEqual({ kind: 'closed' });
  });
});

describe('how a command ended', () => {
  const exitOf = async (finish: (peer: ExecPeer) => void): Promise<ExecExit> => {
    const { channel, peer } = await opened();
    finish(peer);
    channel.resume();
    return channel.exit;
  };

  it.each([1, 7, 137])('is exit code %d', async (code) => {
    expect(await exitOf((peer) => peer.exit(code))).toEqual({ kind: 'exited', code });
  });

  it('is that it never ran', async () => {
    const status = { status: 'Failure', reason: 'InternalError', message: 'no such file', code: 500 };
    expect(await exitOf((peer) => peer.finish(status))).toEqual({
      kind: 'failed',
      reason: 'InternalError',
      message: 'no such file',
    });
  });

  it('is read from a status in pieces', async () => {
    const exit = await exitOf((peer) => {
      for (const letter of '{"status":"Success"}') peer.say(CHANNEL.status, letter);
      peer.socket.close(1000);
    });
    expect(exit).toEqual({ kind: 'exited', code: 0 });
  });

  it('is unknown when the connection breaks', async () => {
    const { channel, peer } = await opened();
    const failed = once(channel, 'error');
    peer.drop();
    expect((await failed)[0]).toMatchObject({ code: 'busy' });
    expect(await channel.exit).toMatchObject({ kind: 'lost' });
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['no object', '7'],
    ['another status', '{"status":"Perhaps"}'],
    ['more than a status can be', `{"status":"${'x'.repeat(80 * KIB)}`],
  ])('is unknown with %s on the status channel', async (_name, text) => {
    const exit = await exitOf((peer) => {
      for (let at = 0; at < text.length; at += 16 * KIB)
        peer.say(CHANNEL.status, text.slice(at, at + 16 * KIB));
      peer.socket.close(1000);
    });
    expect(exit.kind).toBe('lost');
  });

  it.each([
    ['an exit code that is no number', { causes: [{ reason: 'ExitCode', message: 'seven' }] }],
    ['causes that are no list', { causes: 'none' }],
    ['no details', null],
  ])('is a failure with %s', async (_name, details) => {
    const status = { status: 'Failure', reason: 'NonZeroExitCode', message: 'm', details };
    expect(await exitOf((peer) => peer.finish(status))).toMatchObject({ kind: 'failed', message: 'm' });
  });
});

describe('an exec channel under pressure', () => {
  /** More than the kernel's buffers hold, too. */
  const FLOOD = 32 * KIB * KIB;
  const FRAME = Buffer.alloc(32 * KIB, 'y');

  const flood = (peer: ExecPeer): void => {
    for (let sent = 0; sent < FLOOD; sent += FRAME.length) peer.stdout(FRAME);
  };
  /** Resolves when a number has stopped moving. */
  const still = async (value: () => number): Promise<void> => {
    for (let before = -1; value() !== before; await calm()) before = value();
  };
  const quiet = (peer: ExecPeer): Promise<void> => still(() => peer.socket.bufferedAmount);
  /** Writes the flood as a stream is meant to be written to. */
  const writeAll = (channel: ExecChannel): { written: number } => {
    const writer = { written: 0 };
    const more = (): void => {
      while (writer.written < FLOOD) {
        writer.written += FRAME.length;
        if (!channel.write(FRAME)) break;
      }
    };
    channel.on('drain', more);
    more();
    return writer;
  };

  it('keeps little of what nobody reads', async () => {
    const { channel, peer } = await opened();
    flood(peer);
    await quiet(peer);
    expect(channel.readableLength).toBeGreaterThanOrEqual(256 * KIB);
    expect(channel.readableLength).toBeLessThan(400 * KIB);
    expect(peer.socket.bufferedAmount).toBeGreaterThan(0);
    peer.exit(0);
    expect((await output(channel)).length).toBe(FLOOD);
  });

  it('sends nothing while reading is paused, and then all of it', async () => {
    const { channel, peer } = await opened();
    flood(peer);
    await quiet(peer);
    channel.write('held back');
    channel.end();
    await calm();
    expect(peer.frames).toEqual([]);
    let read = 0;
    channel.on('data', (bytes: Buffer) => {
      read += bytes.length;
    });
    await until('the first half', () => read >= FLOOD / 2);
    await until('the input', () => peer.stdinClosed);
    expect(peer.stdin.toString()).toBe('held back');
    channel.destroy();
  });

  it('sends nothing either before what had piled up has been read', async () => {
    const { channel, peer } = await opened();
    for (let sent = 0; sent < 64; sent++) peer.stdout(FRAME);
    await still(() => channel.readableLength);
    await quiet(peer);
    channel.write('held back');
    let read = 0;
    channel.on('data', (bytes: Buffer) => {
      read += bytes.length;
    });
    await until('the output', () => read === 64 * FRAME.length);
    await calm();
    clock.advance(QUIET - 1);
    await calm();
    expect(peer.frames).toEqual([]);
    clock.advance(1);
    await until('the input', () => peer.stdin.toString() === 'held back');
    channel.destroy();
  });

  it('answers a ping only when it reads', async () => {
    const { channel, peer } = await opened();
    peer.socket.ping('one');
    await until('the first pong', () => peer.frames.length === 1);
    for (let sent = 0; sent < 8; sent++) peer.stdout(FRAME.subarray(0, -1));
    await until('the output', () => channel.readableLength > 250 * KIB);
    // In one piece: the ping is read with the bytes that make reading pause.
    peer.corked(() => {
      peer.stdout(Buffer.alloc(KIB));
      peer.socket.ping('two');
    });
    await until('the rest', () => channel.readableLength >= 256 * KIB);
    await calm();
    expect(peer.frames).toHaveLength(1);
    const pong = once(peer.socket, 'pong');
    channel.resume();
    await calm();
    expect(peer.frames).toHaveLength(1);
    clock.advance(QUIET);
    expect(String((await pong)[0])).toBe('two');
    channel.destroy();
  });

  it('ends when nobody reads for long', async () => {
    const { channel, peer } = await opened();
    flood(peer);
    await quiet(peer);
    const failed = once(channel, 'error');
    clock.advance(STALL_LIMIT);
    expect((await failed)[0]).toMatchObject({ code: 'busy' });
    await until('the end', () => peer.closed);
  });

  it('lets a writer wait for a server that does not read', async () => {
    const { channel, peer } = await opened();
    peer.socket.pause();
    const writer = writeAll(channel);
    await still(() => writer.written);
    expect(writer.written).toBeLessThan(FLOOD);
    expect(channel.writableNeedDrain).toBe(true);
    peer.socket.resume();
    await until('all of it', () => writer.written === FLOOD);
    await until('the input', () => peer.messages.reduce((sum, { length }) => sum + length - 1, 0) === FLOOD);
    channel.destroy();
  });

  it('reads on while it writes, though its reader waits for each write, and the server for its reader', async () => {
    const { channel, peer } = await opened();
    let read = 0;
    let written = 0;
    channel.on('data', (bytes: Buffer) => {
      read += bytes.length;
    });
    // As Node's HTTP/2 does: no reading while a write is unfinished. The server does not read before its output is gone.
    const write = (): void => {
      channel.pause();
      channel.write(Buffer.alloc(4 * KIB * KIB), () => {
        written++;
        channel.resume();
        if (written < 4) setImmediate(write);
      });
    };
    peer.socket.pause();
    write();
    flood(peer);
    await until('all output', () => read === FLOOD);
    peer.socket.resume();
    await until('all input', () => written === 4 && peer.stdin.length === 16 * KIB * KIB);
    channel.destroy();
  });
});

describe('junk from the other side', () => {
  it('is ignored where it has no meaning', async () => {
    const { channel, peer } = await opened();
    peer.socket.send(Buffer.alloc(0));
    peer.socket.send('text');
    peer.socket.send('\u0001text');
    for (const channelNumber of [0, 4, 5, 77, 255]) peer.say(channelNumber, 'what is this');
    peer.socket.send(Buffer.from([CHANNEL.close, CHANNEL.stdout]));
    peer.socket.send(Buffer.from([CHANNEL.close, CHANNEL.stderr]));
    peer.socket.send(Buffer.from([CHANNEL.close]));
    peer.stdout('still here');
    peer.exit(0);
    expect((await output(channel)).toString()).toBe('still here');
  });

  it.each([
    ['what is no frame', (peer: ExecPeer) => peer.raw('HTTP/1.1 500 Oh\r\n\r\n')],
    ['a message that is too long', (peer: ExecPeer) => peer.stdout(Buffer.alloc(1024 * KIB + 1))],
  ])('ends the connection when it is %s', async (_name, say) => {
    const { channel, peer } = await opened();
    const failed = once(channel, 'error');
    say(peer);
    expect((await failed)[0]).toMatchObject({ code: 'busy' });
    expect(await channel.exit).toMatchObject({ kind: 'lost' });
  });
});
