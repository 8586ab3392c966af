/** Features of any server: what it is, what it offers, and calls of it. */
import { expect } from 'vitest';
import { BATCH_IDS, callTool, textOf } from '../matrix-client.ts';
import { ModernMatrixClient } from '../modern-client.ts';
import { observed, type Probes, refusal } from '../probe.ts';

const NAME = 'berth-conformance-fixture';
const OFFERED = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
  completions: {},
};
const WITHOUT_SESSION = { tools: {}, prompts: {}, resources: {}, completions: {} };
/** As W3C has them, and MCP in `_meta`. */
const TRACE = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=a:b;c,other@x=1',
  baggage: 'user=ada%20l,tier=1;ttl=3',
};
const OLDER_REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18'];

/** What it is, its lists, and plain calls. */
export const callFeatures: Probes = {
  'name, instructions and capabilities of the server': async (scene) => {
    const { opening, era } = await scene.client();
    const { capabilities, instructions, serverInfo, _meta } = opening.result ?? {};
    expect(instructions).toMatch(/^Offers every name/);
    const meta = _meta as Record<string, unknown> | undefined;
    observed(era === 'modern' ? meta?.['io.modelcontextprotocol/serverInfo'] : serverInfo, { name: NAME });
    const { tasks: _tasks, extensions: _extensions, ...offered } = capabilities as Record<string, unknown>;
    if (offered.logging === undefined) {
      expect(offered).toEqual(WITHOUT_SESSION);
      return 'sessionless';
    }
    expect(offered).toEqual(OFFERED);
    return 'works';
  },

  'each revision of the era, and the refusal of others': async (scene) => {
    const client = await scene.client();
    if (client.era === 'modern') {
      observed(client.opening.result, { supportedVersions: ['2026-07-28'] });
      const { answer } = await client.call('tools/list', {}, { revision: '2099-01-01' });
      observed(answer.error, { code: -32022, data: { supported: ['2026-07-28'], requested: '2099-01-01' } });
      return 'works';
    }
    observed(client.opening.result, { protocolVersion: '2025-11-25' });
    for (const protocolVersion of OLDER_REVISIONS)
      observed((await scene.connect({ protocolVersion })).opening.result, { protocolVersion });
    observed((await scene.connect({ protocolVersion: '1999-01-01' })).opening.result, {
      protocolVersion: '2025-11-25',
    });
    return 'works';
  },

  'tools: list and call': async (scene) => {
    const client = await scene.client();
    const { answer } = await client.call('tools/list');
    const names = ((answer.result?.tools ?? []) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['test_simple_text', 'json_schema_2020_12_tool']));
    expect(textOf((await callTool(client, 'test_simple_text')).answer)).toBe('Plain text from the fixture');
    observed((await callTool(client, 'test_error_handling')).answer.result, { isError: true });
    observed((await callTool(client, 'no_such_tool')).answer.error, { code: -32602 });
    return 'works';
  },

  'trace context (`traceparent`, `tracestate`, `baggage`)': async (scene) => {
    const client = await scene.client();
    const { answer } = await callTool(client, 'test_trace_context', { meta: TRACE, progress: true });
    expect(JSON.parse(textOf(answer))).toEqual(TRACE);
    return 'works';
  },

  'prompts and resources': async (scene) => {
    const client = await scene.client();
    const prompts = await client.call('prompts/list');
    expect(prompts.answer.result?.prompts).toHaveLength(5);
    const args = { arg1: 'one', arg2: 'two' };
    const prompt = await client.call('prompts/get', { name: 'test_prompt_with_arguments', arguments: args });
    expect(JSON.stringify(prompt.answer.result?.messages)).toContain('one');
    expect((await client.call('resources/list')).answer.result?.resources).toHaveLength(3);
    const read = await client.call('resources/read', { uri: 'test://static-text' });
    observed(read.answer.result, { contents: [{ text: 'Text that never changes' }] });
    return 'works';
  },

  completion: async (scene) => {
    const client = await scene.client();
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
    const { answer } = await client.call('completion/complete', {
      ref,
      argument: { name: 'arg1', value: 'par' },
    });
    observed(answer.result, { completion: { values: ['paris', 'park', 'party'] } });
    return 'works';
  },

  'pages of a list': async (scene) => {
    const client = await scene.client();
    const names: string[] = [];
    let page: Record<string, unknown> = {};
    do {
      const { answer } = await client.call('resources/templates/list', page);
      const { resourceTemplates, nextCursor: cursor } = answer.result ?? {};
      names.push(...((resourceTemplates ?? []) as { name: string }[]).map(({ name }) => name));
      page = cursor === undefined ? {} : { cursor };
    } while (page.cursor !== undefined);
    expect(names).toEqual(['template-data', 'template-more']);
    return 'works';
  },

  'a resource that is not there': async (scene) => {
    const client = await scene.client();
    const { answer } = await client.call('resources/read', { uri: 'test://none' });
    observed(answer.error, {
      code: client.era === 'modern' ? -32602 : -32002,
      data: { uri: 'test://none' },
    });
    return 'works';
  },

  ping: async (scene) => {
    const client = await scene.client();
    if (client instanceof ModernMatrixClient) {
      const call = client.inner.start('ping');
      expect(await call.status()).toBe(scene.transport === 'websocket' ? 0 : 404);
      return refusal((await call.answer()).message, { [-32601]: 'removed' });
    }
    expect((await client.call('ping')).answer.result).toEqual({});
    return 'works';
  },

  batches: async (scene) => {
    const client = await scene.connect({ protocolVersion: '2025-03-26' });
    const answers = await client.batch('tools/list');
    const [first] = answers;
    if (first?.error) return refusal(first, { [-32600]: client.era === 'modern' ? 'removed' : 'no-batch' });
    expect(answers.map(({ id }) => id).sort()).toEqual(BATCH_IDS);
    observed((await (await scene.client()).batch('tools/list'))[0]?.error, { code: -32600 });
    for (const { result } of answers) expect(result?.tools).toBeDefined();
    return 'works';
  },

  progress: async (scene) => {
    const { answer, notified } = await callTool(await scene.client(), 'test_tool_with_progress', {
      progress: true,
    });
    expect(textOf(answer)).toBe('Reported three steps');
    const steps = notified.filter(({ method }) => method === 'notifications/progress');
    expect(steps.map(({ params }) => params?.progress)).toEqual([0, 50, 100]);
    return 'works';
  },
};
