/** Features of results and requests themselves: what is in them that only one era, or one transport, knows. */
import { expect } from 'vitest';
import { type Call, callTool, type MatrixClient, textOf } from '../matrix-client.ts';
import type { OutcomeName } from '../outcomes.ts';
import { observed, type Probes, refusal, soFar } from '../probe.ts';
import type { Scene } from '../scene.ts';

const TASKS = 'io.modelcontextprotocol/tasks';
const HEADER_TOOL = 'test_x_mcp_header';

async function schemaOf(client: MatrixClient, tool: string): Promise<unknown> {
  const { answer } = await client.call('tools/list');
  const tools = (answer.result?.tools ?? []) as { name: string; outputSchema?: unknown }[];
  return tools.find(({ name }) => name === tool)?.outputSchema;
}

/** Tasks of 2025-11-25: asked for with the call, looked up by id, and their result fetched. */
async function legacyTask(client: MatrixClient): Promise<OutcomeName> {
  observed(client.opening.result?.capabilities, { tasks: { requests: { tools: { call: {} } } } });
  const params = { name: 'test_task', arguments: {}, task: { ttl: 60_000 } };
  const { answer } = await client.call('tools/call', params);
  const { taskId } = (answer.result?.task ?? {}) as { taskId?: string };
  observed((await client.call('tasks/get', { taskId })).answer.result, { status: 'completed' });
  expect(textOf((await client.call('tasks/result', { taskId })).answer)).toBe('The task is done');
  return 'works';
}

/** The extension of 2026-07-28: declared with the call, which the server may answer with a task. */
async function modernTask(scene: Scene): Promise<OutcomeName> {
  const capabilities = { extensions: { [TASKS]: {} } };
  const client = await scene.connect({ capabilities });
  observed(client.opening.result?.capabilities, capabilities);
  const { resultType, taskId } = (await callTool(client, 'test_task')).answer.result ?? {};
  expect(resultType).toBe('task');
  const { answer } = await client.call('tasks/get', { taskId });
  observed(answer.result, { status: 'completed', result: { content: [{ text: 'The task is done' }] } });
  return 'works';
}

/** Nothing of tasks is offered, and a client that asks for one nevertheless gets its result at once. */
async function noTask(scene: Scene): Promise<OutcomeName> {
  const client = await scene.connect({ capabilities: { extensions: { [TASKS]: {} }, tasks: {} } });
  const { capabilities } = client.opening.result as { capabilities: Record<string, unknown> };
  expect([capabilities.tasks, capabilities.extensions]).toEqual([undefined, undefined]);
  const { answer } = await client.call('tasks/get', { taskId: 'none' });
  const outcome = refusal(answer, { [-32601]: scene.kind === 'stateless' ? 'no-session' : 'own-era' });
  expect(textOf((await callTool(client, 'test_task')).answer)).toBe('The task is done');
  return outcome;
}

async function structuredList(scene: Scene): Promise<OutcomeName> {
  const client = await scene.client();
  const schema = await schemaOf(client, 'test_structured_list');
  const { answer } = await callTool(client, 'test_structured_list');
  if (answer.error) return refusal(answer, { [-32602]: 'not-sent' });
  if (client.era === 'modern') {
    observed(schema, { type: 'array' });
    expect(answer.result?.structuredContent).toEqual([1, 2, 3]);
    return 'works';
  }
  observed(schema, { type: 'object', properties: { result: { type: 'array' } } });
  expect(answer.result?.structuredContent).toEqual({ result: [1, 2, 3] });
  expect(textOf(answer)).toBe('[1,2,3]');
  return 'wrapped';
}

/** Calls the tool whose arguments are repeated in headers. */
function callWithHeaders(client: MatrixClient, headers?: Record<string, string>): Promise<Call> {
  const params = { name: HEADER_TOOL, arguments: { region: 'north', priority: 7 } };
  return client.call('tools/call', params, headers ? { headers } : {});
}

/** Structured results, caching hints, header parameters, tasks. */
export const contentFeatures: Probes = {
  'structured results that are objects': async (scene) => {
    const client = await scene.client();
    observed(await schemaOf(client, 'test_structured_object'), { type: 'object', required: ['sum'] });
    const { answer } = await callTool(client, 'test_structured_object');
    expect(answer.result?.structuredContent).toEqual({ sum: 3 });
    return 'works';
  },

  'structured results of any JSON': structuredList,

  'hints for caches': async (scene) => {
    const { answer } = await (await scene.client()).call('tools/list');
    const { ttlMs, cacheScope } = answer.result ?? {};
    if (scene.kind === 'modern' && scene.serverEra === 'legacy') {
      expect([ttlMs, cacheScope]).toEqual([0, 'private']);
      return 'no-hints';
    }
    if (scene.kind === 'modern') {
      expect([ttlMs, cacheScope]).toEqual([1_000, 'public']);
      return 'works';
    }
    expect([ttlMs, cacheScope]).toEqual([undefined, undefined]);
    return scene.serverEra === 'modern' ? 'no-place' : 'not-sent';
  },

  'arguments repeated in headers (`Mcp-Param-*`)': async (scene) => {
    const client = await scene.client();
    if (scene.kind !== 'modern' || scene.transport === 'websocket') {
      expect(textOf((await callWithHeaders(client)).answer)).toContain('"region":"north"');
      return 'bodily';
    }
    const right = { 'mcp-param-region': 'north', 'mcp-param-priority': '7' };
    expect(textOf((await callWithHeaders(client, right)).answer)).toContain('"region":"north"');
    const begun = await soFar(client, `begun ${HEADER_TOOL}`);
    for (const wrong of [
      { ...right, 'mcp-param-region': 'south' },
      { 'mcp-param-region': 'north' },
      undefined,
    ])
      observed((await callWithHeaders(client, wrong)).answer.error, { code: -32020 });
    expect(await soFar(client, `begun ${HEADER_TOOL}`)).toBe(begun);
    return 'works';
  },

  tasks: async (scene) => {
    const own = scene.kind !== 'stateless' && scene.serverEra === scene.kind;
    if (!own) return noTask(scene);
    return scene.kind === 'modern' ? modernTask(scene) : legacyTask(await scene.client());
  },
};
