/** What bodies may hold while they come in, and the codings that they may not have. */
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/local-process.ts';
import { RawStream } from '../support/raw-stream.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Front, startFront } from './front.ts';

const KIB = 1024;
const SIZE = 40 * KIB;
const MESSAGE = `{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":"${'x'.repeat(SIZE - 58)}"}}`;
const PART = 30 * KIB;
const HEAD = ['POST', 'Content-Type: application/json', 'Accept: application/json, text/event-stream'];
const CLOSE = 'Connection: close';

let front: Front;
const open: RawStream[] = [];
afterEach(async () => {
  for (const stream of open.splice(0)) stream.close();
  await front.close();
});

/** Sends the first part of a message, and no more. */
async function begin(): Promise<RawStream> {
  const head = [...HEAD, `Content-Length: ${MESSAGE.length}`, CLOSE];
  const stream = await RawStream.open(`${front.base}/mcp`, head, MESSAGE.slice(0, PART));
  open.push(stream);
  return stream;
}

/** The status that a message gets which comes in chunks. */
async function chunked(...chunks: readonly string[]): Promise<number> {
  const body = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  const stream = await RawStream.open(
    `${front.base}/mcp`,
    [...HEAD, 'Transfer-Encoding: chunked', CLOSE],
    body,
  );
  await stream.drain();
  return Number(/^HTTP\/1.1 (\d+)/.exec(stream.seen)?.[1]);
}

it('unfinished bodies are bounded together: one too many is refused for now, and room comes back', async () => {
  front = await startFront({ limits_: { openBodyBytes: 70 * KIB } });
  const begun = [await begin(), await begin(), await begin()];
  const refused = await eventually('a refusal', () => begun.find(({ seen }) => seen !== ''));
  expect(refused.seen).toMatch(/^HTTP\/1.1 503 /);
  expect(refused.seen).toContain('"busy"');
  const [first, second] = begun.filter((stream) => stream !== refused);
  // Small messages that are whole at once need no room.
  expect(await chunked('{}')).toBe(400);
  first?.close();
  await eventually('room', async () => (await chunked(MESSAGE.slice(0, PART), MESSAGE.slice(PART))) === 400);
  second?.send(MESSAGE.slice(PART));
  await second?.drain();
  // Read to its end: all that is wrong with it is that it names no session.
  expect(second?.seen).toMatch(/^HTTP\/1.1 400 [\s\S]*"missing-session"/);
});

it('a body holds nothing once it was refused, or read to its end', async () => {
  front = await startFront({ limits_: { messageBytes: 45 * KIB, openBodyBytes: 50 * KIB } });
  for (let turn = 0; turn < 4; turn++) {
    expect(await chunked('x'.repeat(PART), 'x'.repeat(PART))).toBe(413);
    expect(await chunked(MESSAGE.slice(0, PART), MESSAGE.slice(PART))).toBe(400);
  }
});

it('a body in a coding is refused on the SSE transport too, with what is taken', async () => {
  front = await startFront();
  const client = await SseClient.connect(`${front.base}/sse`);
  const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'br' };
  const response = await fetch(client.endpoint, { method: 'POST', headers, body: '{}' });
  expect([response.status, response.headers.get('Accept-Encoding')]).toEqual([415, 'identity']);
  await client.close();
});
