/** Whatever the lane for legacy clients says to either side keeps the official schema of that side's revision. */
import { afterEach, expect, it } from 'vitest';
import { STATE_ONLY_WAIT } from '../../src/sessions/lanes/downgrade/call.ts';
import type { Revision } from '../support/mcp-schemas.ts';
import { messageFault } from '../support/message-schema.ts';
import {
  type Harness,
  type Line,
  request,
  type ServerAnswers,
  settle,
  type TestClient,
  type TestReader,
} from './harness.ts';
import { acknowledge, DISCOVERED, inputRequired, MODERN, modernHarness, report } from './modern-server.ts';

const META = { 'io.modelcontextprotocol/serverInfo': { name: 'memory', version: '1' } };
const CACHED = { resultType: 'complete', ttlMs: 0, cacheScope: 'private', _meta: META };
const FORM = {
  method: 'elicitation/create',
  params: { message: 'Name?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } },
};
const VISIT = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Go', url: 'https://a.example' },
};
const SAMPLE = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'a' } }], maxTokens: 5 },
};
const ROOTS = { method: 'roots/list' };

let harness: Harness;
afterEach(() => harness.close());

/** A conversation whose messages are all held against the schemas. */
class Conversation {
  readonly client: TestClient;
  readonly listener: TestReader;
  readonly #readers: { readonly reader: TestReader; readonly method?: string }[] = [];

  constructor(client: TestClient, handshake: TestReader) {
    this.client = client;
    this.listener = client.attach();
    this.#readers.push({ reader: handshake, method: 'initialize' }, { reader: this.listener });
  }

  /** A call; `answers` are the server's results, one for each time that it is asked. */
  async call(method: string, params: object, ...answers: object[]): Promise<TestReader> {
    const reader = this.client.call(request(`"${this.#readers.length}"`, method, JSON.stringify(params)));
    this.#readers.push({ reader, method });
    for (const answer of answers) {
      await settle();
      harness.server.say({ jsonrpc: '2.0', id: harness.server.id(method), ...answer });
      await settle();
      await this.#reply(reader);
    }
    await settle();
    return reader;
  }

  /** Everything that was said, and what is wrong with it. */
  faults(revision: Revision): unknown[] {
    const toServer = harness.server.lines.map((line) => [line, messageFault('2026-07-28', line)]);
    const toClient = this.#readers.flatMap(({ reader, method }) =>
      reader.lines.map((line) => [line, messageFault(revision, line, method)]),
    );
    return [...toServer, ...toClient].filter(([, fault]) => fault !== undefined);
  }

  async #reply({ lines }: TestReader): Promise<void> {
    for (const { id, method } of lines) {
      const result = method === undefined ? undefined : ANSWERS[method];
      if (result) await this.client.note(JSON.stringify({ jsonrpc: '2.0', id, result }));
    }
    harness.clock.advance(STATE_ONLY_WAIT);
  }
}

const ANSWERS: Readonly<Record<string, object>> = {
  'elicitation/create': { action: 'accept', content: { name: 'x' } },
  'sampling/createMessage': { role: 'assistant', content: { type: 'text', text: 'b' }, model: 'm' },
  'roots/list': { roots: [{ uri: 'file:///a' }] },
};

/** Revisions of clients, the schema that is nearest to each, and what such clients can be asked. */
const CLIENTS: readonly (readonly [string, Revision, readonly object[]])[] = [
  ['2024-11-05', '2025-03-26', [SAMPLE, ROOTS]],
  ['2025-03-26', '2025-03-26', [SAMPLE, ROOTS]],
  ['2025-06-18', '2025-06-18', [SAMPLE, ROOTS, FORM]],
  ['2025-11-25', '2025-11-25', [SAMPLE, ROOTS, FORM, VISIT]],
  ['2099-01-01', '2025-11-25', [SAMPLE, ROOTS, FORM, VISIT]],
];

const CAPABILITIES =
  '{"roots":{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}},"tasks":{"list":{}}}';

async function open(version: string, answers: ServerAnswers = MODERN): Promise<Conversation> {
  harness = modernHarness({ answers });
  const client = harness.client();
  return new Conversation(client, await client.initialize(version, CAPABILITIES));
}

it.each(CLIENTS)('calls of a client of %s', async (version, revision) => {
  const talk = await open(version);
  await talk.call(
    'tools/list',
    {},
    {
      result: {
        ...CACHED,
        tools: [
          {
            name: 'list',
            inputSchema: { type: 'object' },
            outputSchema: { type: 'array', items: { type: 'number' } },
          },
          {
            name: 'any',
            inputSchema: { type: 'object' },
            outputSchema: { $defs: { a: {} }, anyOf: [{ $ref: '#/$defs/a' }] },
          },
        ],
      },
    },
  );
  for (const structuredContent of [[1], null, 'x', { a: 1 }])
    await talk.call(
      'tools/call',
      { name: 'any' },
      { result: { resultType: 'complete', content: [], structuredContent } },
    );
  await talk.call(
    'prompts/get',
    { name: 'p' },
    { result: { resultType: 'complete', messages: [], _meta: META } },
  );
  await talk.call(
    'resources/read',
    { uri: 'a:b' },
    { result: { ...CACHED, contents: [{ uri: 'a:b', text: '' }] } },
  );
  await talk.call(
    'resources/read',
    { uri: 'a:b' },
    { error: { code: -32602, message: 'm', data: { uri: 'a:b' } } },
  );
  await talk.call('tools/call', { name: 'a' }, { result: { resultType: 'later' } });
  await talk.call('ping', {});
  await talk.call('logging/setLevel', { level: 'info' });
  await talk.call('logging/setLevel', { level: 'loud' });
  await talk.call('tasks/get', {});
  await talk.call('completion/complete', {
    ref: { type: 'ref/prompt', name: 'p' },
    argument: { name: 'a', value: '' },
  });
  expect(harness.server.id('completion/complete')).toBeDefined();
  expect(talk.faults(revision)).toEqual([]);
});

it.each(CLIENTS)('questions to a client of %s', async (version, revision, questions) => {
  const talk = await open(version);
  const asked = inputRequired(
    Object.fromEntries(questions.map((question, index) => [`k${index}`, question])),
    's',
  );
  const done = { result: { resultType: 'complete', content: [] } };
  const reader = await talk.call(
    'tools/call',
    { name: 'a' },
    { result: asked },
    { result: inputRequired(undefined, 's') },
    done,
  );
  expect(reader.lines.map(({ method }) => method)).toEqual([
    ...questions.map((question) => (question as Line).method),
    undefined,
  ]);
  await talk.call(
    'tools/call',
    { name: 'a' },
    { result: inputRequired({ a: { ...SAMPLE, params: { ...SAMPLE.params, tools: [] } } }) },
  );
  await talk.call('prompts/get', { name: 'a' }, { result: inputRequired({ a: { method: 'x' } }) });
  const cut = await talk.call('tools/call', { name: 'a' });
  harness.server.answer(harness.server.id('tools/call'), asked);
  await settle();
  harness.server.process.crash();
  await settle();
  expect(cut.lines.at(-1)?.error).toBeDefined();
  expect(talk.faults(revision)).toEqual([]);
});

it.each(CLIENTS)('what a client of %s is told of changes', async (version, revision) => {
  const talk = await open(version);
  acknowledge(harness.server);
  for (const list of ['tools', 'resources']) report(harness.server, `notifications/${list}/list_changed`);
  await talk.call('resources/subscribe', { uri: 'a:1' });
  acknowledge(harness.server);
  report(harness.server, 'notifications/resources/updated', { uri: 'a:1' });
  await talk.call('resources/subscribe', { uri: 'a:2' });
  acknowledge(harness.server, undefined, { resourceSubscriptions: ['a:1'] });
  await talk.call('resources/subscribe', {});
  await settle();
  harness.server.answer(harness.server.id('subscriptions/listen'), { resultType: 'complete' });
  await settle();
  harness.clock.advance(1_000);
  await settle();
  acknowledge(harness.server);
  harness.server.notify('notifications/message', { level: 'info', data: 1, _meta: META });
  await settle();
  await talk.call('resources/unsubscribe', { uri: 'a:1' });
  acknowledge(harness.server);
  await talk.call('tools/call', { name: 'a', _meta: { progressToken: 't' } });
  harness.server.notify('notifications/progress', {
    progressToken: harness.server.id('tools/call'),
    progress: 1,
  });
  await settle();
  await talk.client.end();
  await settle();
  expect(talk.listener.lines).toHaveLength(7);
  expect(talk.faults(revision)).toEqual([]);
});

it.each([
  { code: -32022, message: 'no', data: { supported: ['2027-01-01'], requested: '2026-07-28' } },
  { code: -32601, message: 'no' },
])('a refused handshake: $code', async (error) => {
  const talk = await open('2025-11-25', { 'server/discover': () => ({ error }) });
  expect(harness.server.of('server/discover')).toHaveLength(1);
  expect(talk.faults('2025-11-25')).toEqual([]);
});

it('a server that says nothing of itself', async () => {
  const { _meta, instructions, ...bare } = DISCOVERED;
  const result = { ...bare, capabilities: {} };
  const talk = await open('2025-11-25', { 'server/discover': () => ({ result }) });
  expect(talk.faults('2025-11-25')).toEqual([]);
});

it('clients without a session', async () => {
  harness = modernHarness({ sessions: 'none', answers: MODERN });
  const client = harness.client({ kind: 'affinity' });
  const readers = [
    client.call(request('1', 'initialize', '{"protocolVersion":"2025-06-18"}')),
    client.call(request('2', 'resources/subscribe', '{"uri":"a:b"}')),
  ];
  client.call(request('3', 'tools/call', '{"name":"a"}'));
  await settle();
  const faults = [
    ...harness.server.lines.map((line) => messageFault('2026-07-28', line)),
    ...readers.map(({ lines }) => messageFault('2025-06-18', lines[0] ?? {}, 'initialize')),
  ];
  expect(faults).toEqual([undefined, undefined, undefined, undefined]);
});
