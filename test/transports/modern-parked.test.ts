/** `requestState` at the gateway: sealed into the answer and opened again on the retry, be it of a parked call or a server's own (data-path.md 5.4, 7.1; threat T-32). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { principalDigest } from '../../src/auth/principal.ts';
import type { ServerStateClaims, StateClaims } from '../../src/auth/seal.ts';
import { BerthError } from '../../src/errors.ts';
import type { Link } from '../../src/link/link.ts';
import { TEST_LIMITS } from '../support/gateway.ts';
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
    ['of the server itself, as gateways gave it out before they sealed it', () => 'state-of-a-modern-server'],
    ['that is empty', () => ''],
    ['whose beginning was tampered with', () => `-${stateOf().slice(1)}`],
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

  it.each([
    ['that was tampered with', () => `${stateOf()}-TAMPERED`],
    ['of another principal', () => stateOf({ principal: principalDigest('key:mallory') })],
    ['of another server', () => stateOf({}, 'another-server')],
    [
      'of another principal that waited for too long',
      () => stateOf({ principal: principalDigest('x'), expiresAt: 1 }),
    ],
    ['of the server that was tampered with', () => `${ownOf()}AAAA`],
    ['of the server for another principal', () => ownOf({ principal: principalDigest('key:mallory') })],
    ['of another server itself', () => ownOf({}, 'another-server')],
  ])('%s is refused, and no server hears of it', async (_what, state) => {
    const response = await call(state());
    expect(await refusalOf(response)).toMatchObject({ status: 400, code: -32602, id: 1 });
    expect(front.link.calls).toEqual([]);
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

/** A server's own state as this gateway would seal it. */
function ownOf(claims: Partial<ServerStateClaims> = {}, server = front.harness.definition.id): string {
  const ours = { replica: 'local', principal: principalDigest('local'), state: Buffer.from('"step-2"') };
  return front.sealer.sealServerState(server, { ...ours, ...claims });
}

const ASKS = (state: string): string =>
  `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":${state}}}`;

/** Has the server ask for input, and returns its answer as the client gets it. */
async function asked(state: string): Promise<{ readonly status: number; readonly answer: Asked }> {
  const response = call();
  const scripted = await front.link.call();
  scripted.event('answer', ASKS(state));
  scripted.end('complete');
  const { status } = await response;
  return { status, answer: JSON.parse(await (await response).text()) as Asked };
}

interface Asked {
  readonly result?: { readonly requestState: string };
  readonly error?: { readonly code: number };
}

describe("a modern server's own state", () => {
  it.each(['"step-2"', '""', '"\\u0073tep\\/2 ü"'])(
    'is hidden from its client and comes back byte for byte: %s',
    async (state) => {
      const given = (await asked(state)).answer.result?.requestState ?? '';
      expect(given).not.toContain('step');
      expect(front.sealer.openServerState(given, front.harness.definition.id)).toEqual({
        replica: 'local',
        principal: principalDigest('local'),
        state: Buffer.from(state),
      });
      const retry = call(given);
      const { text, request } = await front.link.call(2);
      expect(text).toContain(`"requestState":${state}`);
      expect(request.modern).not.toHaveProperty('resume');
      (await front.link.call(2)).answer();
      expect((await retry).status).toBe(200);
    },
  );

  it('goes to the replica that gave it out, wherever new calls go', async () => {
    const elsewhere = { conversation: () => expect.unreachable(), close: () => Promise.resolve() };
    front.router.set(front.harness.definition.id, [
      { name: 'other', link: elsewhere },
      { name: 'mine', link: front.link },
      { name: 'another', link: elsewhere },
    ]);
    const response = call(ownOf({ replica: 'mine' }));
    expect((await front.link.call()).text).toContain('"requestState":"step-2"');
    (await front.link.call()).answer();
    expect((await response).status).toBe(200);
  });

  it('whose replica is gone is for another one of the server to judge', async () => {
    const response = call(ownOf({ replica: 'gone' }));
    expect((await front.link.call()).text).toContain('"requestState":"step-2"');
    (await front.link.call()).answer();
    expect((await response).status).toBe(200);
  });

  it('whose replica is about to go finds another one', async () => {
    const resting: Link = {
      conversation: () => ({
        call: (_request, reader) => void reader.refused(new BerthError('resting', 'it is about to go')),
        attach: () => expect.unreachable(),
        note: () => expect.unreachable(),
        end: () => expect.unreachable(),
      }),
      close: () => Promise.resolve(),
    };
    const { id } = front.harness.definition;
    const names = ['r1', 'r2'] as const;
    front.router.set(
      id,
      names.map((name) => ({ name, link: resting })),
    );
    const chosen = front.router.route(id, 'local')?.replica;
    front.router.set(
      id,
      names.map((name) => ({ name, link: name === chosen ? front.link : resting })),
    );
    const response = call(ownOf({ replica: names.find((name) => name !== chosen) ?? '' }));
    (await front.link.call()).answer();
    expect((await response).status).toBe(200);
  });

  it('stays as it is where the keys end with the program', async () => {
    await front.close();
    front = await startModernFront({ lasting: false });
    expect((await asked('"step-2"')).answer.result?.requestState).toBe('step-2');
  });

  it('that its client could not send back is an error of the call', async () => {
    const state = `"${'x'.repeat(TEST_LIMITS.messageBytes / 4)}"`;
    expect(await asked(state)).toMatchObject({ status: 200, answer: { error: { code: -32603 } } });
  });
});

it('the state of one key is nothing under another', async () => {
  await front.close();
  front = await startModernFront({ keys: KEYS });
  for (const requestState of [
    stateOf({ principal: principalDigest('key:alice') }),
    ownOf({ principal: principalDigest('key:alice') }),
  ]) {
    const params = { name: 't', requestState };
    const under = (key: string) => ({ ...headersFor('tools/call', params), authorization: `Bearer ${key}` });
    const refused = await front.post(modernText('tools/call', params), under(KEYS.bob));
    expect(await refusalOf(refused)).toMatchObject({ status: 400, code: -32602 });
    const before = front.link.calls.length;
    void front.post(modernText('tools/call', params), under(KEYS.alice));
    const taken = await front.link.call(before + 1);
    expect(taken.target.principal).toBe('key:alice');
    taken.answer();
  }
  expect(front.link.calls.map(({ request }) => request.modern?.resume)).toEqual([
    { call: 'c', round: 1 },
    undefined,
  ]);
});
