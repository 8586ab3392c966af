/** Over a channel that says on which call's stream a message came (HTTP), a log has an origin: nothing is guessed, nothing dropped. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Channel, ChannelHandler } from '../../src/channels/channel.ts';
import { ManualClock } from '../../src/clock.ts';
import { scanMessage } from '../../src/jsonrpc/envelope.ts';
import { COLLECT } from '../../src/sessions/lanes/upgrade/call.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { memoryProcess } from '../support/memory-process.ts';
import { type Line, message, request, settle, TestClient, TestReader } from './harness.ts';
import { modernParams } from './modern-client.ts';
import { DISCOVERED, SERVER_INFO } from './modern-server.ts';

const INITIALIZED = { protocolVersion: '2025-11-25', capabilities: { logging: {} }, serverInfo: SERVER_INFO };

/** A channel in the test's hands. */
class StreamsChannel implements Channel {
  readonly queued = 0;
  readonly stats = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, noiseLines: 0, oversized: 0 };
  readonly sent: Line[] = [];
  #handler: ChannelHandler | undefined;

  start(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  send(parts: readonly Uint8Array[]): boolean {
    const line = JSON.parse(Buffer.concat(parts).toString('utf8')) as Line;
    this.sent.push(line);
    if (line.method === 'initialize') this.say({ id: line.id, result: INITIALIZED });
    if (line.method === 'server/discover')
      this.say({ id: line.id, result: { ...DISCOVERED, capabilities: { logging: {} } } });
    return true;
  }

  /** `call`: our id of the call on whose stream it comes. */
  say(message: object, call?: unknown): void {
    const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    const { envelope } = scanMessage(bytes);
    if (envelope)
      setImmediate(() =>
        this.#handler?.message(bytes, envelope, call === undefined ? undefined : String(call)),
      );
  }

  pause(): void {}

  resume(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}

let channel: StreamsChannel;
let supervisor: Supervisor;
let clock: ManualClock;
beforeEach(() => {
  channel = new StreamsChannel();
  clock = new ManualClock();
  supervisor = new Supervisor({
    source: () => ({
      acquire: () => Promise.resolve({ ...memoryProcess(), channel }),
      close: () => Promise.resolve(),
    }),
    clock,
  });
  define('modern', 'shared');
});
afterEach(() => supervisor.close({ force: true }));

function define(era: 'legacy' | 'modern', isolation: 'session' | 'shared'): void {
  supervisor.define({
    id: 'the-server',
    name: 'remote',
    launch: { file: '/bin/true', args: [], env: {}, cwd: '/' },
    isolation,
    sessions: 'minted',
    eras: [era],
    limits: DEFAULT_LIMITS,
    secrets: [],
  });
}

async function session(principal: string): Promise<TestClient> {
  const target = { server: 'the-server', principal, kind: 'session', key: principal } as const;
  const client = new TestClient(supervisor.conversation(target), { delivery: 'streams' });
  await client.initialize();
  client.call(request('"l"', 'logging/setLevel', '{"level":"info"}'));
  await settle();
  return client;
}

const LOG = {
  method: 'notifications/message',
  params: { level: 'info', data: 'x', _meta: { [SERVER_INFO]: { name: 'a', version: '1' } } },
};

it('a log comes to the call whose stream it is on, though others are in flight', async () => {
  const [alice, bob] = [await session('alice'), await session('bob')];
  const readers = [alice.call(request('1')), alice.call(request('2')), bob.call(request('1'))];
  await settle();
  const second = channel.sent.filter(({ method }) => method === 'tools/call')[1]?.id;
  channel.say(LOG, second);
  channel.say(LOG);
  channel.say(LOG, 99);
  await settle();
  expect(readers.map(({ lines }) => lines)).toEqual([
    [],
    [{ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } }],
    [],
  ]);
});

it('a question of a legacy server is the call’s on whose stream it comes, though several run', async () => {
  define('legacy', 'session');
  const target = { server: 'the-server', principal: 'alice', kind: 'modern', key: '' } as const;
  const readers = ['a', 'b'].map((name) => {
    const reader = new TestReader();
    const meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    const params = modernParams({ name }, { capabilities: { elicitation: {} }, meta });
    const messages = [message(request('1', 'tools/call', params))];
    const asked = { key: name, messages, batch: false, modern: {} };
    reader.attachment = supervisor.conversation(target).call(asked, reader);
    return reader;
  });
  await settle();
  const ids = channel.sent.filter(({ method }) => method === 'tools/call').map(({ id }) => id);
  channel.say({ method: 'notifications/message', params: { level: 'info', data: 'b' } }, ids[1]);
  channel.say({ id: 'qb', method: 'elicitation/create', params: { message: 'b?' } }, ids[1]);
  channel.say({ id: 'qa', method: 'elicitation/create', params: { message: 'a?' } }, ids[0]);
  await settle();
  clock.advance(COLLECT);
  await settle();
  const asked = readers.map(({ lines }) => Object.keys(lines.at(-1)?.result?.inputRequests ?? {}));
  expect(asked).toEqual([['qa'], ['qb']]);
  expect(readers.map(({ lines }) => lines.length)).toEqual([1, 2]);
});
