/** Over a channel that says on which call's stream a message came (HTTP), a log has an origin: nothing is guessed, nothing dropped. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Channel, ChannelHandler } from '../../src/channels/channel.ts';
import { ManualClock } from '../../src/clock.ts';
import { scanMessage } from '../../src/jsonrpc/envelope.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { memoryProcess } from '../support/memory-process.ts';
import { type Line, request, settle, TestClient } from './harness.ts';
import { DISCOVERED, SERVER_INFO } from './modern-server.ts';

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
beforeEach(() => {
  channel = new StreamsChannel();
  supervisor = new Supervisor({
    source: () => ({
      acquire: () => Promise.resolve({ ...memoryProcess(), channel }),
      close: () => Promise.resolve(),
    }),
    clock: new ManualClock(),
  });
  supervisor.define({
    id: 'the-server',
    name: 'remote',
    launch: { file: '/bin/true', args: [], env: {}, cwd: '/' },
    isolation: 'shared',
    sessions: 'minted',
    eras: ['modern'],
    limits: DEFAULT_LIMITS,
    secrets: [],
  });
});
afterEach(() => supervisor.close({ force: true }));

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
