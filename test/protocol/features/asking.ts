/** Features with which a server asks its client something. */
import { expect } from 'vitest';
import type { Message } from '../../support/inbox.ts';
import { eventually } from '../../support/local-process.ts';
import { LegacyMatrixClient } from '../legacy-client.ts';
import { type Call, callTool, textOf } from '../matrix-client.ts';
import type { OutcomeName } from '../outcomes.ts';
import { methodsOf, observed, type Probe, type Probes, refusal, soFar } from '../probe.ts';
import type { Scene } from '../scene.ts';

const FORM = 'elicitation/create';
const SAMPLING = 'sampling/createMessage';
const ROOTS = 'roots/list';

/** What a server says whose client has declared nothing: each era in its way. */
function notAsked(answer: Message): OutcomeName {
  const { error } = answer;
  if (error?.code === -32602) expect(error.message).toMatch(/^The client does not offer/);
  return refusal(answer, { [-32602]: 'not-asked', [-32021]: 'not-asked' });
}

/** The outcome of a call that asks `methods` and then says `text`. */
function answered({ answer, asked }: Call, methods: readonly string[], text: RegExp): OutcomeName {
  if (answer.error) return notAsked(answer);
  expect(methodsOf(asked).sort()).toEqual([...methods].sort());
  expect(textOf(answer)).toMatch(text);
  return 'works';
}

function asks(tool: string, methods: readonly string[], text: RegExp): Probe {
  const args = { message: 'Who?', prompt: 'Say something' };
  return async (scene) => answered(await callTool(await scene.client(), tool, { args }), methods, text);
}

async function visit(scene: Scene): Promise<OutcomeName> {
  const client = await scene.client();
  const call = await callTool(client, 'test_elicitation_url');
  if (call.answer.error) return notAsked(call.answer);
  answered(call, [FORM], /The visit: accept/);
  const [{ elicitationId, ...params } = {}] = call.asked.map((question) => question.params);
  observed(params, { mode: 'url', url: 'https://example.com/consent' });
  if (!(client instanceof LegacyMatrixClient)) {
    expect(elicitationId).toBeUndefined();
    return 'works';
  }
  expect(elicitationId).toEqual(expect.any(String));
  if (scene.serverEra === 'modern') return neverSent(scene);
  observed((await client.heard('notifications/elicitation/complete')).params, { elicitationId });
  return 'works';
}

/** Older clients do not know that there are URLs. */
async function neverSent(scene: Scene): Promise<OutcomeName> {
  const older = await scene.connect({ protocolVersion: '2025-06-18' });
  const { answer, asked } = await callTool(older, 'test_elicitation_url');
  expect([asked, answer.result?.isError, textOf(answer)]).toEqual([
    [],
    true,
    expect.stringContaining('has not declared'),
  ]);
  return 'unconfirmed';
}

async function askedLater(scene: Scene): Promise<OutcomeName> {
  const client = await scene.client();
  await callTool(client, 'test_ask_later');
  const outcome = await eventually('the late question is over', async () => {
    const { answer } = await client.call('tools/list');
    const tools = (answer.result?.tools ?? []) as { name: string; description: string }[];
    const text = tools.find(({ name }) => name === 'test_ask_later')?.description.split('so far: ')[1];
    return text === 'asked' ? undefined : text;
  });
  if (outcome.startsWith('answered')) return 'works';
  if (scene.serverEra === 'modern') {
    expect(outcome).toBe('refused here');
    return 'never-asked';
  }
  expect(outcome).toBe(scene.kind === 'stateless' ? 'refused -32601' : 'refused -32603');
  return scene.kind === 'stateless' ? 'not-asked' : 'outside-a-call';
}

/** Elicitation, sampling, roots, and where they may be asked. */
export const askingFeatures: Probes = {
  'elicitation with a form': asks('test_elicitation', [FORM], /"username":"ada"/),
  'elicitation with a URL': visit,
  'a URL that must be visited first (-32042)': async (scene) => {
    const client = await scene.client();
    const first = await callTool(client, 'test_url_required');
    if (first.answer.error?.code !== -32042) return answered(first, [FORM], /Signed in/);
    const elicitations = [{ mode: 'url', url: 'https://example.com/sign-in' }];
    observed(first.answer.error.data, { elicitations });
    return answered(await callTool(client, 'test_url_required'), [], /Signed in/);
  },
  sampling: asks('test_sampling', [SAMPLING], /sampled/),
  roots: asks('test_input_required_result_list_roots', [ROOTS], /file:\/\/\/matrix/),
  'several questions at once': asks(
    'test_input_required_result_multiple_inputs',
    [FORM, SAMPLING, ROOTS],
    /^All of it: ada, client_roots greeting user_name$/,
  ),
  'one question after the other': asks(
    'test_input_required_result_multi_round',
    [FORM, FORM],
    /^ada likes blue$/,
  ),
  'a question during a prompt': async (scene) => {
    const client = await scene.client();
    const call = await client.call('prompts/get', { name: 'test_input_required_result_prompt' });
    if (call.answer.error) return notAsked(call.answer);
    expect(methodsOf(call.asked)).toEqual([FORM]);
    expect(JSON.stringify(call.answer.result?.messages)).toContain('Use the context');
    return 'works';
  },
  'a question that the client has not declared': async (scene) => {
    const client = await scene.connect({ capabilities: {} });
    const { answer, asked } = await callTool(client, 'test_missing_capability');
    if (asked.length > 0) return 'undecided';
    if (scene.kind === 'stateless' && scene.serverEra === 'legacy')
      observed(answer.result, { isError: true, content: [{ text: expect.stringContaining('refused') }] });
    else observed(answer.error, { code: -32021, data: { requiredCapabilities: { sampling: {} } } });
    return 'works';
  },
  'a question outside of any call': askedLater,
  'notice of changed roots': async (scene) => {
    const client = await scene.client();
    const method = 'notifications/roots/list_changed';
    const before = await soFar(client, `notified ${method}`);
    await client.notify(method);
    // messages of a client are taken in their order, so the next call comes after it
    const came = (await soFar(client, `notified ${method}`)) - before;
    if (came === 1) return 'works';
    expect(came).toBe(0);
    if (scene.kind === 'modern') return 'removed';
    return scene.kind === 'stateless' ? 'no-session' : 'told-nobody';
  },
};
