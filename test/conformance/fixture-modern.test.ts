/** The modern side of the fixture, raw over stdio. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { envelope, FixtureClient } from '../support/conformance-fixture.ts';

const ALL = { sampling: {}, elicitation: {}, roots: {} };
const ACCEPTED = { action: 'accept', content: { name: 'Ada', color: 'blue', ok: true } };
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

let client: FixtureClient;
afterEach(() => client.close());

describe.each(['modern', 'dual'] as const)('the %s fixture to a modern client', (era) => {
  beforeEach(() => {
    client = new FixtureClient(era);
  });

  it('is discovered', async () => {
    const { result } = await client.modern('server/discover');
    expect(result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true } },
      ttlMs: 1_000,
      cacheScope: 'public',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'berth-conformance-fixture' } },
    });
  });

  it.each([
    ['no envelope', -32602, {}],
    ['no capabilities', -32602, { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }],
    ['no version', -32602, { _meta: { 'io.modelcontextprotocol/clientCapabilities': {} } }],
    ['another version', -32022, { _meta: envelope({}, { 'io.modelcontextprotocol/protocolVersion': '1' }) }],
    ['an unknown level', -32602, { _meta: envelope({}, { 'io.modelcontextprotocol/logLevel': 'loud' }) }],
  ])('refuses %s', async (_what, code, params) => {
    expect((await client.request('1', 'server/discover', params)).message.error?.code).toBe(code);
  });

  it.each([
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'tasks/result',
    'unknown/method',
  ])('does not know %s', async (method) => {
    expect((await client.modern(method)).error?.code).toBe(-32601);
  });

  it('asks by an input_required result and takes the answer without a state', async () => {
    const name = 'test_input_required_result_elicitation';
    const { result } = await client.modernTool(name, ALL);
    expect(result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { user_name: { method: 'elicitation/create' } },
    });
    expect(result).not.toHaveProperty('requestState');
    const inputResponses = { user_name: ACCEPTED, more: ACCEPTED };
    expect((await client.modernTool(name, ALL, { inputResponses })).result?.content).toEqual([
      { type: 'text', text: 'Hello, Ada!' },
    ]);
  });

  it('asks again what is missing, and refuses answers of the wrong shape', async () => {
    const name = 'test_input_required_result_elicitation';
    const retry = (inputResponses: unknown) => client.modernTool(name, ALL, { inputResponses });
    expect((await retry({ other: ACCEPTED })).result?.resultType).toBe('input_required');
    expect((await retry({ user_name: 12_345 })).error?.code).toBe(-32602);
    expect((await retry({ user_name: { action: 'perhaps' } })).error?.code).toBe(-32602);
    expect((await retry(null)).error?.code).toBe(-32602);
  });

  it('goes through several rounds by its state', async () => {
    const name = 'test_input_required_result_multi_round';
    const first = (await client.modernTool(name, ALL)).result;
    const second = (
      await client.modernTool(name, ALL, {
        inputResponses: { step1: ACCEPTED },
        requestState: first?.requestState,
      })
    ).result;
    expect(second?.requestState).not.toBe(first?.requestState);
    expect(second?.inputRequests).toHaveProperty('step2');
    const last = await client.modernTool(name, ALL, {
      inputResponses: { step2: ACCEPTED },
      requestState: second?.requestState,
    });
    expect(last.result?.content).toEqual([{ type: 'text', text: 'Ada likes blue' }]);
  });

  it('takes the answers to several questions bit by bit', async () => {
    const name = 'test_input_required_result_multiple_inputs';
    const first = (await client.modernTool(name, ALL)).result;
    expect(Object.keys(first?.inputRequests as object)).toEqual(['user_name', 'greeting', 'client_roots']);
    const second = (
      await client.modernTool(name, ALL, {
        inputResponses: { user_name: ACCEPTED, client_roots: { roots: [] } },
        requestState: first?.requestState,
      })
    ).result;
    expect(Object.keys(second?.inputRequests as object)).toEqual(['greeting']);
    const last = await client.modernTool(name, ALL, {
      inputResponses: { greeting: { role: 'assistant', content: [], model: 'none' } },
      requestState: second?.requestState,
    });
    expect(JSON.stringify(last.result)).toContain('Ada');
  });

  it.each([
    ['an altered', (state: string) => `${state}-TAMPERED`],
    ['a longer', (state: string) => `${state}.x`],
    ['an invented', () => 'state'],
  ])('refuses %s state', async (_what, alter) => {
    const name = 'test_input_required_result_tampered_state';
    const state = String((await client.modernTool(name, ALL)).result?.requestState);
    const retry = { inputResponses: { confirm: ACCEPTED }, requestState: alter(state) };
    expect((await client.modernTool(name, ALL, retry)).error?.code).toBe(-32602);
  });

  it('refuses the state of another call', async () => {
    const state = (await client.modernTool('test_input_required_result_tampered_state', ALL)).result;
    const retry = { inputResponses: { confirm: ACCEPTED }, requestState: state?.requestState };
    const other = await client.modernTool('test_input_required_result_request_state', ALL, retry);
    expect(other.error?.code).toBe(-32602);
  });

  it('needs the capability that a question needs', async () => {
    expect((await client.modernTool('test_missing_capability', { elicitation: {} })).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { sampling: {} } },
    });
    const { result } = await client.modernTool('test_input_required_result_capabilities', { sampling: {} });
    expect(Object.keys(result?.inputRequests as object)).toEqual(['greeting']);
  });

  it('logs only what a request asks for', async () => {
    await client.modernTool('test_logging_tool');
    expect(client.inbox.waiting).toEqual([]);
    await client.modernTool(
      'test_logging_tool',
      {},
      { _meta: { 'io.modelcontextprotocol/logLevel': 'info' } },
    );
    expect(client.inbox.waiting.map(({ message }) => message.params?.level)).toEqual(['info', 'error']);
  });

  it('names the resource that it does not have', async () => {
    const { error } = await client.modern('resources/read', { uri: 'test://none' });
    expect(error).toMatchObject({ code: -32602, data: { uri: 'test://none' } });
  });
});

describe('subscriptions of the modern fixture', () => {
  beforeEach(() => {
    client = new FixtureClient('modern');
  });

  function listen(id: string, notifications: unknown) {
    const params = { notifications, _meta: envelope() };
    return client.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params }));
  }

  it('are acknowledged with what is honoured, under their id', async () => {
    await listen('one', {
      toolsListChanged: true,
      promptsListChanged: false,
      taskIds: ['t'],
      resourceSubscriptions: ['test://watched-resource', 'test://none'],
    });
    const { message } = await client.notification();
    expect(message).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: {
        notifications: { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] },
        _meta: { [SUBSCRIPTION_ID]: 'one' },
      },
    });
  });

  it('get what they asked for and nothing else, several at once', async () => {
    await listen('tools', { toolsListChanged: true });
    await listen('prompts', { promptsListChanged: true });
    await listen('both', { toolsListChanged: true, promptsListChanged: true });
    for (let n = 0; n < 3; n++) await client.notification();
    await client.modernTool('test_trigger_prompt_change');
    await client.modernTool('test_trigger_tool_change');
    const got = client.inbox.waiting.map(({ message: { method, params } }) => {
      const meta = params?._meta as Record<string, unknown> | undefined;
      return `${method} ${String(meta?.[SUBSCRIPTION_ID])}`;
    });
    expect(got).toEqual([
      'notifications/prompts/list_changed prompts',
      'notifications/prompts/list_changed both',
      'notifications/tools/list_changed tools',
      'notifications/tools/list_changed both',
    ]);
  });

  it('end without a word when they are cancelled', async () => {
    await listen('one', { resourceSubscriptions: ['test://watched-resource'] });
    await client.notification();
    await client.modernTool('test_trigger_resource_update');
    expect((await client.notification()).message.params?.uri).toBe('test://watched-resource');
    await client.notify('notifications/cancelled', { requestId: 'one' });
    await client.modernTool('test_trigger_resource_update');
    expect(client.inbox.waiting).toEqual([]);
  });

  it('complete when the input ends', async () => {
    await listen('one', { toolsListChanged: true });
    await client.notification();
    const answer = client.inbox.answer('"one"');
    await client.close();
    expect((await answer).message.result).toMatchObject({
      resultType: 'complete',
      _meta: { [SUBSCRIPTION_ID]: 'one' },
    });
  });
});

describe('the modern fixture to a legacy client', () => {
  it('says which version it speaks', async () => {
    client = new FixtureClient('modern');
    expect((await client.initialize()).message.error).toMatchObject({
      code: -32022,
      data: { supported: ['2026-07-28'], requested: '2025-11-25' },
    });
    expect((await client.request('1', 'tools/list')).message.error?.code).toBe(-32602);
  });
});
