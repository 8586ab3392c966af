/** Calls over the API, to real servers of every era. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createControlListener } from '../../src/api/control-listener.ts';
import { createFixture } from '../servers/doubles.ts';
import { FIXTURE_ERAS, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { SPEAKS } from '../support/requirements.ts';
import { underContract } from './contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

const KEYS = { ada: `berth_${'a'.repeat(43)}`, bob: `berth_${'b'.repeat(43)}` };

let gateway: TestGateway;
beforeAll(async () => {
  const servers = FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] }));
  const fixture = await createFixture();
  gateway = await startGateway({
    servers,
    keys: KEYS,
    control: ({ guard, calls }) =>
      createControlListener({
        app: underContract(createApi({ ...fixture, calls })),
        guard,
        ready: () => true,
      }),
  });
});
afterAll(() => gateway?.close());

async function send(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`http://127.0.0.1:${gateway.port}/api/v1/servers/${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}

async function json(path: string, body?: unknown, headers?: Record<string, string>) {
  const response = await send(path, body, headers);
  return { status: response.status, body: (await response.json()) as Json };
}

async function lines(path: string, body: unknown): Promise<Json[]> {
  const response = await send(path, body, { Accept: 'application/x-ndjson' });
  return (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const NAMED = { action: 'accept', content: { name: 'Ada' } };

describe.each(FIXTURE_ERAS)('a %s server', (name) => {
  it('says what it offers', async () => {
    const tools = await json(`${name}/tools`);
    expect(tools.status).toBe(200);
    expect(tools.body.total).toBe(tools.body.tools.length);
    expect(tools.body.tools.map((tool: Json) => tool.name)).toContain('test_simple_text');
    expect((await json(`${name}/prompts`)).body.prompts.length).toBeGreaterThan(1);
    expect((await json(`${name}/resources`)).body.resources.length).toBeGreaterThan(1);
    expect((await json(`${name}/resource-templates`)).body.resourceTemplates.length).toBeGreaterThan(0);
  });

  it('runs a tool and answers with its own result', async () => {
    expect(await json(`${name}/call`, { tool: 'test_simple_text' })).toEqual({
      status: 200,
      body: {
        status: 'complete',
        result: expect.objectContaining({ content: [{ type: 'text', text: 'Plain text from the fixture' }] }),
      },
    });
  });

  it('reports progress before the answer', async () => {
    const seen = await lines(`${name}/call`, { tool: 'test_tool_with_progress' });
    expect(seen.filter(({ type }) => type === 'progress').map(({ progress }) => progress)).toEqual([
      0, 50, 100,
    ]);
    expect(seen.at(-1)).toMatchObject({ type: 'answer', status: 'complete' });
  });

  it('asks for input and goes on with the answer', async () => {
    const tool = 'test_input_required_result_elicitation';
    const asked = await json(`${name}/call`, { tool });
    expect(asked.body).toMatchObject({ status: 'input_required' });
    const [[question, request]] = Object.entries(asked.body.inputRequests) as [[string, Json]];
    expect(request).toMatchObject({
      method: 'elicitation/create',
      params: { message: 'What is your name?' },
    });
    const { requestState } = asked.body;
    const answered = await json(`${name}/call`, {
      tool,
      inputResponses: { [question]: NAMED },
      ...(requestState !== undefined && { requestState }),
    });
    expect(answered.body).toMatchObject({
      status: 'complete',
      result: { content: [{ text: 'Hello, Ada!' }] },
    });
  });

  it('fills in a prompt and reads a resource', async () => {
    const prompt = await json(`${name}/prompt`, {
      prompt: 'test_prompt_with_arguments',
      arguments: { arg1: 'one', arg2: 'two' },
    });
    expect(JSON.stringify(prompt.body.result.messages)).toContain('one');
    const [resource] = (await json(`${name}/resources`)).body.resources;
    const read = await json(`${name}/read`, { uri: resource.uri });
    expect(read.body.result.contents[0].uri).toBe(resource.uri);
  });

  it('keeps an error of the tool apart from an error of the call', async () => {
    expect(await json(`${name}/call`, { tool: 'test_error_handling' })).toMatchObject({
      status: 200,
      body: { status: 'complete', result: { isError: true } },
    });
    expect(await json(`${name}/call`, { tool: 'no_such_tool' })).toMatchObject({
      status: 422,
      body: { code: 'call-refused', serverError: { code: -32602 } },
    });
  });
});

describe('a call over the API', () => {
  it('is made in the name of its caller, and goes on for nobody else', async () => {
    const as = (key: string) => ({ Authorization: `Bearer ${key}` });
    const tool = 'test_input_required_result_elicitation';
    const asked = await json('legacy/call', { tool }, as(KEYS.ada));
    const [question = ''] = Object.keys(asked.body.inputRequests);
    const more = { tool, inputResponses: { [question]: NAMED }, requestState: asked.body.requestState };
    const foreign = await json('legacy/call', more, as(KEYS.bob));
    expect(foreign.body.code).toBe('call-refused');
    expect(JSON.stringify(foreign.body)).not.toContain('Hello, Ada');
    expect((await json('legacy/call', more, as(KEYS.ada))).body.result.content[0].text).toBe('Hello, Ada!');
    expect((await json('legacy/call', { tool }, as('berth_wrong'))).status).toBe(401);
  });

  it('is cancelled when whoever wanted it leaves', async () => {
    const leaving = new AbortController();
    const path = `http://127.0.0.1:${gateway.port}/api/v1/servers/legacy/call`;
    const busy = async () => {
      const [id] = [gateway.ids.get('legacy') ?? ''];
      return gateway.host.sessions(id).reduce((sum, { callsInFlight }) => sum + callsInFlight, 0);
    };
    const call = fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ tool: 'test_reconnection' }),
      signal: leaving.signal,
    });
    call.catch(() => undefined);
    await expect.poll(busy, { timeout: 10_000 }).toBeGreaterThan(0);
    leaving.abort();
    await expect.poll(busy, { timeout: 10_000 }).toBe(0);
  });

  it('names what is wrong with the request', async () => {
    expect(await json('legacy/call', { tol: 'x' })).toMatchObject({
      status: 400,
      body: {
        code: 'bad-input',
        errors: expect.arrayContaining([{ pointer: '/tol', detail: 'is not a field of a call' }]),
      },
    });
    expect(await json('nobody/call', { tool: 'x' })).toMatchObject({ status: 404 });
    const [failed] = await lines('nobody/call', { tool: 'x' });
    expect(failed).toMatchObject({ type: 'failed', problem: { code: 'not-found', status: 404 } });
  });
});

describe('lists of a server', () => {
  it('are read to their end, and are empty where it has none', async () => {
    const { calls, peer } = await createFixture();
    const context = { server: 'any', caller: { id: 'local', digest: '' } };
    peer.give('tools/list', { tools: [{ name: 'a' }], nextCursor: 'x' }, { tools: [{ name: 'b' }] });
    expect(await calls.list('tools', context)).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(peer.asked.map(({ params }) => params)).toEqual([{}, { cursor: 'x' }]);
    expect(await calls.list('prompts', context)).toEqual([]);
    peer.give('resources/list', { resources: [], nextCursor: 'again' });
    await expect(calls.list('resources', context)).rejects.toMatchObject({ code: 'call-failed' });
  });
});
