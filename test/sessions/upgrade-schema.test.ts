/** Whatever Berth says to either side for modern clients keeps the official schema of that side's revision. */
import { afterEach, describe, expect, it } from 'vitest';
import { BerthError, ERROR_TABLE, type ErrorCode, errorData } from '../../src/errors.ts';
import { COLLECT } from '../../src/sessions/lanes/upgrade/call.ts';
import { rpcErrorText } from '../../src/transports/rpc-error.ts';
import { schemaFault } from '../support/mcp-schemas.ts';
import { messageFault } from '../support/message-schema.ts';
import { Harness, type Line, type ServerAnswers, settle, type TestReader } from './harness.ts';
import { ModernClient, parkOf } from './modern-client.ts';

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const DECLARED = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const FORM = {
  message: 'Name?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
};
const SAMPLE = { messages: [{ role: 'user', content: { type: 'text', text: 'a' } }], maxTokens: 5 };
const OFFERING: ServerAnswers = {
  initialize: ({ params }) => ({
    result: {
      protocolVersion: params.protocolVersion,
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
        completions: {},
        tasks: {},
      },
      serverInfo: { name: 'memory', version: '1' },
      instructions: 'Be kind.',
    },
  }),
};

let harness: Harness;
afterEach(() => harness.close());

/** What a client got, each message with the method that it answers. */
function faultsOf(method: string, reader: TestReader): string[] {
  return reader.events.flatMap(({ park }, at) => {
    const text = reader.texts[at] as string;
    const whole = park ? `${text.slice(0, park.at)}"requestState":"s",${text.slice(park.at)}` : text;
    const line = JSON.parse(whole) as Line;
    const asks = line.result?.resultType === 'input_required';
    const fault = asks
      ? schemaFault(MODERN, 'InputRequiredResult', line.result)
      : messageFault(MODERN, line, method);
    return fault === undefined ? [] : [`${method}: ${fault} in ${whole}`];
  });
}

/** What the server got. */
function faultsAtServer(): string[] {
  return harness.server.lines.flatMap((line) => {
    const isAnswer = line.method === undefined;
    const fault = isAnswer ? undefined : messageFault(LEGACY, line);
    return fault === undefined ? [] : [`${line.method}: ${fault} in ${JSON.stringify(line)}`];
  });
}

function start(): ModernClient {
  harness = new Harness({ answers: OFFERING });
  return new ModernClient(harness, { capabilities: DECLARED });
}

describe('on a legacy server', () => {
  it.each([
    ['server/discover', {}, undefined],
    ['tools/list', {}, { tools: [{ name: 't', inputSchema: { type: 'object' } }] }],
    ['prompts/list', {}, { prompts: [] }],
    ['resources/list', {}, { resources: [] }],
    ['resources/templates/list', {}, { resourceTemplates: [] }],
    ['resources/read', { uri: 'test://a' }, { contents: [{ uri: 'test://a', text: 'x' }] }],
    ['prompts/get', { name: 'p' }, { messages: [] }],
    ['tools/call', { name: 't', arguments: {} }, {}],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } },
      { completion: { values: [] } },
    ],
  ])('%s and its answer', async (method, params, result) => {
    const client = start();
    const meta = { progressToken: 'p', 'io.modelcontextprotocol/logLevel': 'info' };
    const reader = await client.call(method, params, { meta });
    const id = harness.server.id(method);
    if (result) {
      harness.server.notify('notifications/progress', { progressToken: id, progress: 1 });
      harness.server.notify('notifications/message', { level: 'error', data: 'x' });
      harness.server.answer(id, result);
    }
    await settle();
    expect(reader.lines.at(-1)?.result).toBeDefined();
    expect([...faultsOf(method, reader), ...faultsAtServer()]).toEqual([]);
  });

  it('a question, the answers, and the result', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 'ask', arguments: {} });
    await settle();
    const ask = (id: number, method: string, params?: object): void =>
      harness.server.say({ jsonrpc: '2.0', id, method, ...(params && { params }) });
    ask(1, 'elicitation/create', FORM);
    ask(2, 'sampling/createMessage', SAMPLE);
    ask(3, 'roots/list');
    ask(4, 'elicitation/create', {
      mode: 'url',
      message: 'Go',
      url: 'https://a.example',
      elicitationId: 'e',
    });
    await settle();
    harness.clock.advance(COLLECT);
    await settle();
    expect(Object.keys(reader.lines[0]?.result.inputRequests)).toHaveLength(4);
    const answers = {
      1: { action: 'accept', content: { name: 'a' } },
      2: { role: 'assistant', content: { type: 'text', text: 'b' }, model: 'm' },
      3: { roots: [] },
      4: { action: 'decline' },
    };
    const second = await client.retry(parkOf(reader), answers);
    harness.server.answer(harness.server.id('tools/call'), { content: [] });
    await settle();
    const faults = [
      ...faultsOf('tools/call', reader),
      ...faultsOf('tools/call', second),
      ...faultsAtServer(),
    ];
    expect(faults).toEqual([]);
    expect(second.lines.at(-1)?.result).toMatchObject({ resultType: 'complete' });
  });

  it('a listen, its messages, and its end', async () => {
    const client = start();
    const notifications = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: ['test://a'],
    };
    const reader = await client.call('subscriptions/listen', { notifications }, { id: '"sub"' });
    harness.server.answer(harness.server.id('resources/subscribe'));
    for (const group of ['tools', 'prompts', 'resources'])
      harness.server.say({ jsonrpc: '2.0', method: `notifications/${group}/list_changed` });
    harness.server.notify('notifications/resources/updated', { uri: 'test://a' });
    await settle();
    harness.server.process.crash();
    await settle();
    harness.clock.advance(1_000);
    await settle();
    await harness.supervisor.undefine(harness.definition.id, { force: false });
    const lines = reader.lines;
    expect(lines.map(({ method }) => method?.replace('notifications/', '') ?? 'result')).toEqual([
      'subscriptions/acknowledged',
      'tools/list_changed',
      'prompts/list_changed',
      'resources/list_changed',
      'resources/updated',
      'tools/list_changed',
      'prompts/list_changed',
      'resources/list_changed',
      'resources/updated',
      'result',
    ]);
    const faults = lines.flatMap((line) => {
      const fault = line.method
        ? messageFault(MODERN, line)
        : schemaFault(MODERN, 'SubscriptionsListenResult', line.result);
      return fault === undefined ? [] : [`${fault} in ${JSON.stringify(line)}`];
    });
    expect([...faults, ...faultsAtServer()]).toEqual([]);
  });

  it('a call that is cancelled', async () => {
    const client = start();
    client.send('tools/call', { name: 't' }).attachment?.detach();
    await settle();
    expect(faultsAtServer()).toEqual([]);
  });
});

describe('errors', () => {
  const DATA: Partial<Record<ErrorCode, Record<string, unknown>>> = {
    'unknown-version': { supported: ['2026-07-28'], requested: '2030-01-01' },
    'missing-capability': { requiredCapabilities: { sampling: {} } },
  };
  const DEFINED: Partial<Record<number, string>> = {
    [-32020]: 'HeaderMismatchError',
    [-32021]: 'MissingRequiredClientCapabilityError',
    [-32022]: 'UnsupportedProtocolVersionError',
  };

  it.each(Object.keys(ERROR_TABLE) as ErrorCode[])('%s', (code) => {
    harness = new Harness();
    const data = DATA[code];
    const error = new BerthError(code, 'words', data ? { data } : {});
    const message = JSON.parse(rpcErrorText(error, '"id"')) as Line;
    expect(schemaFault(MODERN, DEFINED[error.rpc] ?? 'JSONRPCErrorResponse', message)).toBeUndefined();
    expect(message.error.data).toEqual(errorData(error));
  });

  it('about a message whose id could not be read has the id null, and nothing else that the schema does not', () => {
    harness = new Harness();
    const { id, ...rest } = JSON.parse(rpcErrorText(new BerthError('parse-error', 'words'))) as Line;
    expect(id).toBeNull();
    for (const revision of [LEGACY, MODERN] as const)
      expect(schemaFault(revision, 'JSONRPCErrorResponse', rest)).toBeUndefined();
  });
});
