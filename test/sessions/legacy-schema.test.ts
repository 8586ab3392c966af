/** Whatever Berth itself says between legacy clients and legacy servers keeps the official schema of their revision. */
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import type { Revision } from '../support/mcp-schemas.ts';
import { messageFault } from '../support/message-schema.ts';
import {
  Harness,
  type HarnessOptions,
  request,
  settle,
  type TestClient,
  type TestReader,
} from './harness.ts';

/** Revisions, and the schema that is nearest to each. */
const REVISIONS: readonly (readonly [version: string, schema: Revision])[] = [
  ['2024-11-05', '2025-03-26'],
  ['2025-03-26', '2025-03-26'],
  ['2025-06-18', '2025-06-18'],
  ['2025-11-25', '2025-11-25'],
];

let harness: Harness;
afterEach(() => harness.close());

/** Conversations whose messages are all held against the schema. */
class Talk {
  readonly #schema: Revision;
  readonly #readers: { readonly reader: TestReader; readonly method?: string }[] = [];
  #last = 0;

  constructor(schema: Revision, options: HarnessOptions) {
    harness = new Harness(options);
    this.#schema = schema;
  }

  async call(client: TestClient, method: string, params: object = {}): Promise<TestReader> {
    const reader = client.call(request(`"${++this.#last}"`, method, JSON.stringify(params)));
    this.#readers.push({ reader, method });
    await settle();
    return reader;
  }

  initialize(client: TestClient, protocolVersion: string): Promise<TestReader> {
    const clientInfo = { name: 't', version: '1' };
    return this.call(client, 'initialize', { protocolVersion, capabilities: {}, clientInfo });
  }

  listen(client: TestClient): void {
    this.#readers.push({ reader: client.attach() });
  }

  /** Everything that was said to clients and servers, and what is wrong with it. */
  get faults(): unknown[] {
    const toServers = harness.servers.flatMap(({ lines }) =>
      lines.map((line) => [line, messageFault(this.#schema, line, 'ping')]),
    );
    const toClients = this.#readers.flatMap(({ reader, method }) =>
      reader.lines.map((line) => [line, messageFault(this.#schema, line, method)]),
    );
    return [...toServers, ...toClients].filter(([, fault]) => fault !== undefined);
  }

  get said(): number {
    return this.#readers.reduce((sum, { reader }) => sum + reader.events.length, 0);
  }
}

describe.each(REVISIONS)('with clients of %s', (version, schema) => {
  it('without a session', async () => {
    const talk = new Talk(schema, { sessions: 'none' });
    const client = harness.client({ kind: 'affinity' });
    await talk.initialize(client, version);
    for (const method of ['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'])
      await talk.call(client, method, { uri: 'a:b', level: 'info' });
    await talk.call(client, 'tools/call', { name: 'a' });
    harness.server.say(request('"q"', 'roots/list'));
    harness.server.say(request('"p"', 'ping'));
    await settle();
    expect(harness.server.lines.map(({ method, error }) => method ?? error?.code ?? 'result')).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/call',
      -32601,
      'result',
    ]);
    expect(talk.said).toBe(5);
    expect(talk.faults).toEqual([]);
  });

  it('on a shared process', async () => {
    const talk = new Talk(schema, { isolation: 'shared' });
    const [one, two] = [harness.client(), harness.client()];
    for (const client of [one, two]) {
      await talk.initialize(client, version);
      await client.note('{"jsonrpc":"2.0","method":"notifications/initialized"}');
      talk.listen(client);
    }
    for (const client of [one, two]) {
      await talk.call(client, 'resources/subscribe', { uri: 'a:b' });
      harness.server.answer(harness.server.id('resources/subscribe'));
    }
    await talk.call(one, 'resources/unsubscribe', { uri: 'a:b' });
    await talk.call(one, 'tasks/get', { taskId: 't' });
    harness.server.say(request('"q"', 'roots/list'));
    await settle();
    await two.end();
    await settle();
    expect(harness.server.lines.map(({ method, error }) => method ?? error?.code)).toEqual([
      'initialize',
      'notifications/initialized',
      'resources/subscribe',
      'resources/subscribe',
      -32601,
      'resources/unsubscribe',
    ]);
    expect(talk.said).toBe(6);
    expect(talk.faults).toEqual([]);
  });

  it('when a call comes to nothing', async () => {
    const talk = new Talk(schema, {});
    const client = harness.client();
    await talk.initialize(client, version);
    const late = await talk.call(client, 'tools/call', { name: 'late' });
    harness.clock.advance(DEFAULT_LIMITS.requestTimeout + 1_000);
    await settle();
    const ended = await talk.call(client, 'tools/call', { name: 'ended' });
    harness.server.process.crash();
    await settle();
    expect([late, ended].map(({ lines }) => lines[0]?.error.data.code)).toEqual([
      'request-timeout',
      'process-exited',
    ]);
    expect(harness.server.of('notifications/cancelled')).toHaveLength(1);
    expect(talk.faults).toEqual([]);
  });
});
