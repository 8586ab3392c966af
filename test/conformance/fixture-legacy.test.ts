/** The legacy side of the fixture, raw over stdio: what a gateway in front of it has to cope with. */
import { afterEach, describe, expect, it } from 'vitest';
import { FixtureClient } from '../support/conformance-fixture.ts';

const ALL = { sampling: {}, elicitation: {}, roots: {} };
const ACCEPTED = { action: 'accept', content: { name: 'Ada' } };

let client: FixtureClient;

async function start(capabilities: Record<string, unknown> = ALL, era: 'legacy' | 'dual' = 'legacy') {
  client = new FixtureClient(era, { capabilities });
  await client.initialize();
}
afterEach(() => client.close());

describe.each(['legacy', 'dual'] as const)('the %s fixture to a legacy client', (era) => {
  it('asks with a request of its own, named as the question', async () => {
    await start(ALL, era);
    const answer = client.tool('test_input_required_result_elicitation');
    const { message } = await client.inbox.method('elicitation/create');
    expect(message.id).toBe('user_name');
    await client.respond(message.id, ACCEPTED);
    expect((await answer).text).toContain('Hello, Ada!');
  });

  it('gives no result a kind', async () => {
    await start(ALL, era);
    expect((await client.request('1', 'tools/list')).message.result).not.toHaveProperty('resultType');
  });
});

describe('the legacy fixture', () => {
  it('keeps the ids of its open requests apart', async () => {
    await start();
    const first = client.tool('test_input_required_result_elicitation');
    await client.inbox.method('elicitation/create');
    const second = client.tool('test_input_required_result_elicitation');
    const { message } = await client.inbox.method('elicitation/create');
    expect(message.id).toBe('user_name-2');
    await client.respond('user_name-2', { action: 'decline' });
    expect((await second).text).toContain('Hello, nobody!');
    await client.respond('user_name', ACCEPTED);
    expect((await first).text).toContain('Hello, Ada!');
  });

  it('asks three things before it waits for any', async () => {
    await start();
    const answer = client.tool('test_input_required_result_multiple_inputs');
    const elicitation = await client.inbox.method('elicitation/create');
    const sampling = await client.inbox.method('sampling/createMessage');
    const roots = await client.inbox.method('roots/list');
    await client.respond(roots.message.id, { roots: [] });
    await client.respond(sampling.message.id, { role: 'assistant', content: [], model: 'none' });
    await client.respond(elicitation.message.id, ACCEPTED);
    expect((await answer).text).toContain('Ada, client_roots greeting user_name');
  });

  it('asks the second question after the first', async () => {
    await start();
    const answer = client.tool('test_input_required_result_multi_round');
    const first = await client.inbox.method('elicitation/create');
    expect(client.inbox.waiting).toEqual([]);
    await client.respond(first.message.id, ACCEPTED);
    const second = await client.inbox.method('elicitation/create');
    await client.respond(second.message.id, { action: 'accept', content: { color: 'blue' } });
    expect((await answer).text).toContain('Ada likes blue');
  });

  it('asks for sampling that the client has not declared', async () => {
    await start({});
    const answer = client.tool('test_missing_capability');
    const { message } = await client.inbox.method('sampling/createMessage');
    await client.send(
      JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'no' } }),
    );
    expect((await answer).message.result).toMatchObject({ isError: true });
  });

  it('asks only what was declared where it looks', async () => {
    await start({ sampling: {} });
    const answer = client.tool('test_input_required_result_capabilities');
    const { message } = await client.inbox.method('sampling/createMessage');
    expect(client.inbox.waiting).toEqual([]);
    await client.respond(message.id, { role: 'assistant', content: [], model: 'none' });
    expect((await answer).text).toContain('Answered: greeting');
    expect((await client.tool('test_elicitation', { message: 'Who?' })).message.error?.code).toBe(-32602);
  });

  it('asks during a prompt', async () => {
    await start();
    const answer = client.request('1', 'prompts/get', { name: 'test_input_required_result_prompt' });
    const { message } = await client.inbox.method('elicitation/create');
    await client.respond(message.id, { action: 'accept', content: { context: 'here' } });
    expect((await answer).text).toContain('here');
  });

  it('logs unasked', async () => {
    await start();
    await client.tool('test_logging_tool');
    const levels = client.inbox.waiting.map(({ message }) => message.params?.level);
    expect(levels).toEqual(['debug', 'info', 'error']);
  });

  it.each([
    ['tools', 'test_trigger_tool_change'],
    ['prompts', 'test_trigger_prompt_change'],
    ['resources', 'test_trigger_resource_change'],
  ])('tells of changed %s, which then differ', async (list, trigger) => {
    await start();
    const before = await client.request('"before"', `${list}/list`);
    await client.tool(trigger);
    await client.inbox.method(`notifications/${list}/list_changed`);
    const after = await client.request('"after"', `${list}/list`);
    expect(after.message.result).not.toEqual(before.message.result);
  });

  it('tells of an updated resource only who subscribed', async () => {
    await start();
    await client.tool('test_trigger_resource_update');
    expect(client.inbox.waiting).toEqual([]);
    await client.request('1', 'resources/subscribe', { uri: 'test://watched-resource' });
    await client.tool('test_trigger_resource_update');
    const { message } = await client.inbox.method('notifications/resources/updated');
    expect(message.params).toEqual({ uri: 'test://watched-resource' });
  });

  it('refuses what only the modern era has, and unknown resources in its own way', async () => {
    await start();
    const discover = await client.modern('server/discover');
    expect(discover.error?.code).toBe(-32601);
    const missing = await client.request('"r"', 'resources/read', { uri: 'test://none' });
    expect(missing.message.error).toMatchObject({ code: -32002, data: { uri: 'test://none' } });
  });
});
