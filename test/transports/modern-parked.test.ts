/** Parked calls at the gateway: their state is sealed into the answer, and opened again on the retry (data-path.md 7.1; threat T-32). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { principalDigest } from '../../src/auth/principal.ts';
import type { StateClaims } from '../../src/auth/seal.ts';
import { eventually } from '../support/local-process.ts';
import { headersFor, type ModernFront, modernText, refusalOf, startModernFront } from './modern-front.ts';

const KEYS = { alice: `berth_${'a'.repeat(43)}`, bob: `berth_${'b'.repeat(43)}` };
const LATER = Date.now() + 3_600_000;

let front: ModernFront;
beforeEach(async () => {
  front = await startModernFront();
});
afterEach(() => front.close());

const call = (requestState?: unknown) =>
  front.request('tools/call', { name: 't', ...(requestState !== undefined && { requestState }) });

/** A state as this gateway would seal it. */
function stateOf(claims: Partial<StateClaims> = {}, server = front.harness.definition.id): string {
  const ours = {
    replica: 'local',
    principal: principalDigest('local'),
    call: 'c',
    round: 1,
    expiresAt: LATER,
  };
  return front.sealer.sealState(server, { ...ours, ...claims });
}

/** What went to the server beside the message. */
async function resumed(number = 1): Promise<unknown> {
  const { request, text } = await front.link.call(number);
  expect(request.modern?.params).toEqual({});
  return { resume: request.modern?.resume, hasState: text.includes('"requestState"') };
}

describe('an answer that parks its call', () => {
  it('carries a state that names call, round and replica to this gateway only', async () => {
    const response = call();
    const parked = await front.link.call();
    parked.park({ call: 'the-call', round: 3, expiresAt: LATER });
    const text = await (await response).text();
    const { requestState, ...rest } = (JSON.parse(text) as { result: Record<string, unknown> }).result;
    expect(rest).toEqual({ resultType: 'input_required', inputRequests: {} });
    expect(front.sealer.openState(String(requestState), front.harness.definition.id)).toEqual({
      replica: 'local',
      principal: principalDigest('local'),
      call: 'the-call',
      round: 3,
      expiresAt: LATER,
    });
    expect((await response).headers['content-length']).toBe(`${Buffer.byteLength(text)}`);
    const delivered = Buffer.byteLength(text) - Buffer.byteLength(`"requestState":"${requestState}",`);
    await eventually('its credit', () => parked.credited === delivered && parked.acknowledged === 1);
  });

  it('carries it in an event, too', async () => {
    const response = call();
    const parked = await front.link.call();
    parked.notify('notifications/progress', {});
    parked.park({ call: 'c', round: 1, expiresAt: LATER });
    const datas: string[] = [];
    for await (const { data } of (await response).events()) datas.push(data);
    const { result } = JSON.parse(datas[1] ?? '') as { result: { requestState: string } };
    expect(front.sealer.openState(result.requestState, front.harness.definition.id)?.call).toBe('c');
  });

  it.each([0, 1, 2])('has it where its offset says, however the bytes are cut: %i', async (cuts) => {
    const response = call();
    const parked = await front.link.call();
    const text = '{"jsonrpc":"2.0","id":1,"result":{"ü":1}}';
    const at = Buffer.byteLength(text.slice(0, text.indexOf('"ü"')));
    const parts =
      [[text], [text.slice(0, at), text.slice(at)], [text.slice(0, 5), text.slice(5)]][cuts] ?? [];
    parked.event('answer', parts, { call: 'c', round: 1, expiresAt: LATER, at });
    expect(await (await response).text()).toMatch(
      /^\{"jsonrpc":"2\.0","id":1,"result":\{"requestState":"[\w-]+","ü":1\}\}$/,
    );
  });
});

describe('a request with a state', () => {
  it('goes on with its call', async () => {
    const response = call(stateOf({ call: 'the-call', round: 2 }));
    expect(await resumed()).toEqual({ resume: { call: 'the-call', round: 2 }, hasState: true });
    (await front.link.call()).answer();
    expect((await response).status).toBe(200);
  });

  it('goes to the replica of its call, wherever new calls go', async () => {
    const { id } = front.harness.definition;
    const elsewhere = { conversation: () => expect.unreachable(), close: () => Promise.resolve() };
    front.router.set(id, [
      { name: 'other', link: elsewhere },
      { name: 'mine', link: front.link },
      { name: 'another', link: elsewhere },
    ]);
    const response = call(stateOf({ replica: 'mine' }));
    (await front.link.call()).answer();
    expect((await response).status).toBe(200);
  });

  it.each([
    ['whose replica is gone', { replica: 'gone' }, 'is over'],
    ['that waited for too long', { expiresAt: Date.now() - 1 }, 'too long'],
  ])('%s is refused', async (_what, claims, why) => {
    const response = await call(stateOf(claims));
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([
      400,
      { id: 1, error: { code: -32602, message: expect.stringContaining(why) } },
    ]);
    expect(front.link.calls).toEqual([]);
  });

  it.each([1, null, true, {}, ['x']])('that is no text is refused: %j', async (state) => {
    expect(await refusalOf(await call(state))).toMatchObject({ status: 400, code: -32602, id: 1 });
    expect(front.link.calls).toEqual([]);
  });

  it.each([
    ['of the server itself', () => 'state-of-a-modern-server'],
    ['that is empty', () => ''],
    ['that was tampered with', () => `${stateOf()}-TAMPERED`],
    ['of another principal', () => stateOf({ principal: principalDigest('key:mallory') })],
    ['of another server', () => stateOf({}, 'another-server')],
    [
      'of another principal that waited for too long',
      () => stateOf({ principal: principalDigest('x'), expiresAt: 1 }),
    ],
    [
      'that is a session id',
      () =>
        front.sealer.seal(front.harness.definition.id, {
          replica: 'local',
          principal: principalDigest('local'),
          nonce: 'c',
          issuedAt: 1,
        }),
    ],
  ])('%s is passed on as it is, and goes on with nothing', async (_what, state) => {
    const response = call(state());
    expect(await resumed()).toEqual({ resume: undefined, hasState: true });
    (await front.link.call()).answer();
    expect((await response).status).toBe(200);
  });

  it('may be written with escapes', async () => {
    const state = stateOf();
    const escaped = [...state]
      .map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
    const body = modernText('tools/call', { name: 't', requestState: 'STATE' }).replace('STATE', escaped);
    const response = front.post(body, headersFor('tools/call', { name: 't' }));
    expect(await resumed()).toMatchObject({ resume: { call: 'c', round: 1 } });
    (await front.link.call()).answer();
    await response;
  });
});

it('the state of one key is nothing under another', async () => {
  await front.close();
  front = await startModernFront({ keys: KEYS });
  const params = { name: 't', requestState: stateOf({ principal: principalDigest('key:alice') }) };
  for (const key of [KEYS.alice, KEYS.bob]) {
    const headers = { ...headersFor('tools/call', params), authorization: `Bearer ${key}` };
    void front.post(modernText('tools/call', params), headers);
    await front.link.call(front.link.calls.length + 1);
  }
  expect(front.link.calls.map(({ target, request }) => [target.principal, request.modern?.resume])).toEqual([
    ['key:alice', { call: 'c', round: 1 }],
    ['key:bob', undefined],
  ]);
  for (const one of front.link.calls) one.answer();
});
