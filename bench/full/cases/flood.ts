/** T-36: one principal opens sessions without end; the others do not notice. */
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { MOST_SILENT } from '../../../src/transports/silent-connections.ts';
import { requestText } from '../../../test/support/mcp-client.ts';
import { session } from '../../../test/support/transports.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { HttpConnection } from '../../clients/http-connection.ts';
import { exchange } from '../../clients/http-session.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import type { GatewayProcess } from '../gateway.ts';
import { besideNeighbour, growthDuring, memoryFinding } from '../measure.ts';

const ALICE = `berth_${'a'.repeat(43)}`;
const BOB = `berth_${'b'.repeat(43)}`;
const CAP = 10;
const CALLS = 100_000;
const STREAMS = 5_000;
const SILENT = 3_000;
const CONNECTIONS = 16;

const INITIALIZE = requestText('1', 'initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'flood', version: '1' },
});

type Counts = Map<string, number>;

function count(counts: Counts, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

function show(counts: Counts): string {
  return [...counts].map(([what, times]) => `${times} × ${what}`).join(', ');
}

/** One request on a connection that stays; the status. */
function initialize(connection: HttpConnection, port: number): Promise<string> {
  const head = `POST /servers/capped/mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${ALICE}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${INITIALIZE.length}\r\n\r\n${INITIALIZE}`;
  return new Promise((resolve) => {
    exchange(connection, { head, tail: Buffer.alloc(0) }, (reply) =>
      resolve(reply instanceof Error ? reply.message : String(reply.status)),
    );
  });
}

/** Opens an event stream; the status. A connection that was taken stays open for the others to be refused. */
function openStream(port: number, held: Set<() => void>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve('connection failed'));
    socket.on('close', () => resolve('closed without an answer'));
    socket.once('data', (chunk: Buffer) => {
      const status = chunk.toString('latin1', 9, 12);
      if (status === '200') held.add(() => socket.destroy());
      else socket.destroy();
      resolve(status);
    });
    socket.write(
      `GET /servers/capped/sse HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${ALICE}\r\nAccept: text/event-stream\r\n\r\n`,
    );
  });
}

/** Opens a WebSocket and a session on it; how it ends. One that was taken stays open. */
function openSocket(port: number, held: Set<() => void>): Promise<string> {
  return new Promise((resolve) => {
    const ws = socketTo(port);
    ws.on('unexpected-response', (_request, response) => resolve(String(response.statusCode)));
    ws.on('error', () => resolve('connection failed'));
    ws.on('close', (code) => resolve(`closed with ${code}`));
    ws.on('open', () => ws.send(INITIALIZE));
    ws.on('message', (data) => {
      // What refuses the session is said first, and the connection is closed after it.
      if (String(data).includes('"error"')) return;
      held.add(() => ws.terminate());
      resolve('taken');
    });
  });
}

/** Opens a WebSocket and says nothing on it. */
function openSilent(port: number, held: Set<() => void>): Promise<string> {
  return new Promise((resolve) => {
    const ws = socketTo(port);
    ws.on('unexpected-response', (_request, response) => resolve(String(response.statusCode)));
    ws.on('error', () => resolve('connection failed'));
    ws.on('open', () => {
      held.add(() => ws.terminate());
      resolve('open');
    });
  });
}

function socketTo(port: number): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}/servers/capped/ws`, {
    headers: { authorization: `Bearer ${ALICE}` },
    perMessageDeflate: false,
  });
}

async function inParallel(times: number, each: (worker: number) => Promise<void>): Promise<void> {
  let left = times;
  const work = async (worker: number): Promise<void> => {
    while (left-- > 0) await each(worker);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, worker) => work(worker)));
}

async function attack({ port }: GatewayProcess): Promise<{ calls: Counts; streams: Counts; silent: Counts }> {
  const [calls, streams, silent]: [Counts, Counts, Counts] = [new Map(), new Map(), new Map()];
  const connections = Array.from({ length: CONNECTIONS }, () => new HttpConnection(port));
  const held = new Set<() => void>();
  await inParallel(CALLS, async (worker) => {
    const connection = connections[worker];
    if (connection) count(calls, await initialize(connection, port));
  });
  await inParallel(STREAMS, async () => count(streams, `SSE ${await openStream(port, held)}`));
  await inParallel(STREAMS, async () => count(streams, `WebSocket ${await openSocket(port, held)}`));
  await inParallel(SILENT, async () => count(silent, await openSilent(port, held)));
  for (const connection of connections) connection.close();
  for (const drop of held) drop();
  return { calls, streams, silent };
}

async function run(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway(
    [{ name: 'capped', launch: trapLaunch(), limits: { sessionsPerPrincipal: CAP } }],
    { alice: ALICE, bob: BOB },
  );
  const bob = await session('streamable-http', gateway.url('capped'), { key: BOB });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, gateway.processes);
  }, 250);
  const beside = await besideNeighbour(bob, () => growthDuring(gateway, () => attack(gateway))).finally(() =>
    clearInterval(watch),
  );
  const { growth, value } = beside.value;
  const other = await session('websocket', gateway.url('capped'), { key: BOB });
  await Promise.all([other.close(), bob.close()]);
  const what = `${CALLS} initialize by one principal, cap ${CAP}`;
  const good = value.calls.get('200') === CAP && value.calls.get('429') === CALLS - CAP;
  return [
    bar(what, `status ${show(value.calls)}`, `${CAP} × 200, the rest 429`, good),
    bar(
      `${STREAMS} event streams and ${STREAMS} WebSockets by the same`,
      show(value.streams),
      'all refused',
      [...value.streams.keys()].every((what) => what === 'SSE 429' || what === 'WebSocket closed with 1013'),
    ),
    bar(
      `${SILENT} WebSockets of the same that say nothing`,
      show(value.silent),
      `${MOST_SILENT} open, the rest 429`,
      value.silent.get('open') === MOST_SILENT && value.silent.get('429') === SILENT - MOST_SILENT,
    ),
    bar('processes meanwhile', `at most ${most}`, `≤ ${CAP + 1}`, most <= CAP + 1),
    memoryFinding('all of these', growth),
    ...beside.findings(what),
  ];
}

export const flood: FullCase = { row: 'T-36', run };
