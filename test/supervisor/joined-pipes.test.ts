/** What an exec's two pipes do as one stream, on a clock that is moved by hand. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { JoinedPipes } from '../../src/supervisor/joined-pipes.ts';
import { eventually } from '../support/local-process.ts';

let folder: string;
let server: Server;
let clock: ManualClock;
let pipes: JoinedPipes;
let theirs: { input: Socket; output: Socket; control: Socket };
let output: Socket;

async function pair(): Promise<[Socket, Socket]> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const own = createConnection(join(folder, 'socket'));
  return [own, (await accepted)[0]];
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-joined-'));
  server = createServer({ allowHalfOpen: true }).listen(join(folder, 'socket'));
  await once(server, 'listening');
  clock = new ManualClock();
  const [[input, itsInput], [out, itsOutput], [control, itsControl]] = [
    await pair(),
    await pair(),
    await pair(),
  ];
  output = out;
  theirs = { input: itsInput, output: itsOutput, control: itsControl };
  pipes = new JoinedPipes({ input, output, control, idleMs: 45_000, clock });
});
afterEach(() => {
  pipes.destroy();
  for (const socket of Object.values(theirs)) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

it('lets two small writes leave in a millisecond, and what comes then together in the next', async () => {
  const write = vi.spyOn(output, 'write');
  const sent = (): string[] => write.mock.calls.map(([bytes]) => String(bytes));
  for (const text of ['1', '2', '3', '4']) {
    pipes.write(text);
    await Promise.resolve();
  }
  expect(sent()).toEqual(['1', '2']);
  clock.advance(1);
  expect(sent()).toEqual(['1', '2', '34']);
  pipes.write('5');
  await Promise.resolve();
  expect(sent()).toEqual(['1', '2', '34', '5']);
});

it('does not let what is large wait', async () => {
  const write = vi.spyOn(output, 'write');
  for (let at = 0; at < 4; at++) {
    pipes.write(Buffer.alloc(4 * 1024));
    await Promise.resolve();
  }
  expect(write.mock.calls.length).toBe(4);
});

it('ends behind what waits for the next millisecond', async () => {
  const received: Buffer[] = [];
  theirs.output.on('data', (chunk: Buffer) => received.push(chunk));
  for (const text of ['1', '2', '3', '4']) {
    pipes.write(text);
    await Promise.resolve();
  }
  pipes.end();
  await Promise.resolve();
  clock.advance(1);
  await once(theirs.output, 'end');
  expect(String(Buffer.concat(received))).toBe('1234');
});

it('holds a bounded number of bytes for a side that does not read, either way', async () => {
  const chunk = Buffer.alloc(64 * 1024);
  for (let at = 0; at < 256; at++) theirs.input.write(chunk);
  let taken = 0;
  const pump = (): void => {
    while (taken < 256 && pipes.write(chunk)) taken++;
  };
  pipes.on('drain', pump);
  pump();
  let before = '';
  await eventually('nothing moves any more', async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = `${theirs.input.writableLength} ${taken}`;
    const isStill = now === before;
    before = now;
    return isStill;
  });
  expect(theirs.input.writableLength).toBeGreaterThan(14 * 1024 * 1024);
  expect(taken).toBeLessThan(32);
});

it('tells whoever holds the pipes when its input was silent for too long, however much it has written', async () => {
  const said = once(theirs.control, 'data');
  theirs.input.write('x');
  await once(pipes, 'data');
  clock.advance(44_999);
  pipes.write('y');
  clock.advance(1);
  expect(String((await said)[0])).toBe('I');
  await eventually('its end', () => pipes.destroyed);
});

it('does not end while something comes', async () => {
  for (let at = 0; at < 5; at++) {
    theirs.input.write('x');
    await once(pipes, 'data');
    clock.advance(40_000);
  }
  expect(pipes.destroyed).toBe(false);
});
