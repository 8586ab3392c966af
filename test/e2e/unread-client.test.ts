/** Clients that stop reading (F-13): little is kept for them, they are cut off, and nobody else notices. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { open } from '../support/http-client.ts';
import { requestText } from '../support/mcp-client.ts';
import { RawStream } from '../support/raw-stream.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session } from '../support/transports.ts';
import { trapLaunch, until } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';

const MIB = 1024 * 1024;
/** What the server would send if anybody read it: 128 MiB. */
const FLOOD = { name: 'flood', arguments: { messages: 2_048, bytes: 65_536 } };
/** Kernel buffers of both ends of a loopback connection and what the gateway may keep; far below the flood. */
const KEPT_AT_MOST = 32 * MIB;
/** What all three clients together may cost in memory: 1 MiB each that is not read, and as much on its way to them. */
const HELD_AT_MOST = 6 * MIB;
/** Of the memory, at each look. */
const READINGS = 20;
/** The gateway cuts a reader off after 10 s without progress. */
const UNREAD_MS = 15_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Bytes that this process, which is also the gateway's, cannot let go of: objects, and buffers outside of the heap (`external` still
 * counts those that are being freed). Not its resident memory, which is also garbage and what the allocator has not given back, and
 * differs with the machine's load; `npm run bench -- --full` measures that, where the gateway is a process of its own.
 */
function keptBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * The least of a few readings. Buffers that are garbage are freed by a thread beside, which a busy machine lets wait; what is
 * really kept stands in every reading.
 */
async function surelyKept(limit: number): Promise<number> {
  let least = keptBytes();
  for (let reading = 1; reading < READINGS && least >= limit; reading++) {
    await sleep(50);
    least = Math.min(least, keptBytes());
  }
  return least;
}

let gateway: Awaited<ReturnType<typeof startGateway>>;
let base: string;

beforeAll(async () => {
  gateway = await startGateway({ servers: [{ name: 'trap', launch: trapLaunch() }] });
  base = gateway.url('trap');
});
afterAll(() => gateway?.close());

type Unread = { drain(): Promise<number> };

async function overHttp(): Promise<Unread> {
  const client = new StreamableClient(`${base}/mcp`);
  await client.initialize();
  const body = requestText('1', 'tools/call', FLOOD);
  const headers = Object.entries(client.headers()).map(([name, value]) => `${name}: ${value}`);
  const types = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  const stream = await RawStream.open(
    client.url,
    ['POST', ...types, ...headers, length, 'Connection: close'],
    body,
  );
  stream.pause();
  return stream;
}

async function overSse(): Promise<Unread> {
  const stream = await RawStream.open(`${base}/sse`, [
    'GET',
    'Accept: text/event-stream',
    'Connection: close',
  ]);
  await until('endpoint', () => /data: \S+\r?\n\r?\n/.test(stream.seen));
  const endpoint = new URL(/data: (\S+)/.exec(stream.seen)?.[1] ?? '', base).href;
  const post = async (body: string) => {
    const response = await open(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await response.body();
  };
  const clientInfo = { name: 'unread', version: '1' };
  await post(requestText('1', 'initialize', { protocolVersion: '2024-11-05', capabilities: {}, clientInfo }));
  await until('initialized', () => stream.seen.includes('serverInfo'));
  stream.pause();
  await post(requestText('2', 'tools/call', FLOOD));
  return stream;
}

async function overWebSocket(): Promise<Unread> {
  const client = await WsClient.connect(`${base}/ws`);
  await client.initialize();
  client.socket.pause();
  await client.send(requestText('1', 'tools/call', FLOOD));
  const drain = async () => {
    client.socket.resume();
    await client.closed;
    return client.inbox.waiting.reduce((bytes, { text }) => bytes + text.length, 0);
  };
  return { drain };
}

it('keeps little for clients that never read, cuts them off and serves the others', async () => {
  const neighbour = await session('streamable-http', base);
  const before = keptBytes();
  const unread = await Promise.all([overHttp(), overSse(), overWebSocket()]);
  let highest = before;
  for (let waited = 0; waited < UNREAD_MS; waited += 500) {
    await sleep(500);
    highest = Math.max(highest, await surelyKept(before + HELD_AT_MOST));
    expect((await neighbour.request(String(waited), 'trap/echo', { waited })).message.result).toEqual({
      waited,
    });
  }
  expect(highest - before).toBeLessThan(HELD_AT_MOST);
  const drained = await Promise.all(unread.map((client) => client.drain()));
  for (const bytes of drained) expect(bytes).toBeLessThan(KEPT_AT_MOST);
  await neighbour.close();
});
