/** T-32: `requestState` in hostile or unlucky hands, from client to server and back: a clean refusal, and nothing runs that should not. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PARK_TIME } from '../../src/sessions/lanes/modern/parked-calls.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import type { Message } from '../support/inbox.ts';
import { eventually } from '../support/local-process.ts';
import { type ModernClient, ModernHttpClient, ModernWsClient } from '../support/modern-client.ts';
import { SPEAKS } from '../support/requirements.ts';

const KEYS = { alice: `berth_${'a'.repeat(43)}`, bob: `berth_${'b'.repeat(43)}` };
const ASKING = 'test_input_required_result_request_state';
const WAITING = 'test_input_then_wait';
const CONFIRM = { action: 'accept', content: { ok: true } };
const NAME = { action: 'accept', content: { name: 'Ada' } };
const PROGRESS = { meta: { progressToken: 'p' } };

let gateway: TestGateway;
beforeAll(async () => {
  const servers = (['legacy', 'modern'] as const).flatMap((era) =>
    [era, `other-${era}`].map((name) => ({ name, launch: fixtureLaunch(era), eras: SPEAKS[era] })),
  );
  gateway = await startGateway({ servers, keys: KEYS });
});
afterAll(() => gateway?.close());
afterEach(() => vi.useRealTimers());

const capabilities = { elicitation: {} };

function connect(server: string, key = KEYS.alice): ModernHttpClient {
  return new ModernHttpClient(`${gateway.url(server)}/mcp`, { capabilities, key });
}

type Counts = Record<'begun' | 'finished' | 'cancelled', number>;

async function countsOf(client: ModernHttpClient, tool: string): Promise<Counts> {
  const { result } = await client.tool('test_so_far');
  const [block] = (result?.content ?? []) as { text: string }[];
  const counts = JSON.parse(block?.text ?? '') as Record<string, number>;
  const count = (what: string): number => counts[`${what} ${tool}`] ?? 0;
  return { begun: count('begun'), finished: count('finished'), cancelled: count('cancelled') };
}

/** How often a tool is begun, finished and cancelled on the process of a client from now on: other tests use it, too. */
async function counting(client: ModernHttpClient, tool = ASKING): Promise<() => Promise<Counts>> {
  const before = await countsOf(client, tool);
  return async () => {
    const now = await countsOf(client, tool);
    return {
      begun: now.begun - before.begun,
      finished: now.finished - before.finished,
      cancelled: now.cancelled - before.cancelled,
    };
  };
}

/** A call that waits: its state, and the key of what it asks (calls that wait on one process have different ones). */
interface Parked {
  readonly requestState: unknown;
  readonly key: string;
}

async function park(client: ModernClient, tool = ASKING): Promise<Parked> {
  const { result } = await client.tool(tool, {}, PROGRESS);
  expect(result).toMatchObject({ resultType: 'input_required' });
  const [key = ''] = Object.keys(result?.inputRequests ?? {});
  return { requestState: result?.requestState, key };
}

/** Calls the tool again, with an answer. */
function retry(
  client: ModernHttpClient,
  { requestState, key }: Parked,
  answer: object = CONFIRM,
): Promise<Message> {
  return client.tool(ASKING, { requestState, inputResponses: { [key]: answer } });
}

/** Answers the waiting tool's question, and leaves while it runs. */
async function leave(client: ModernHttpClient, { requestState, key }: Parked): Promise<void> {
  const params = { name: WAITING, arguments: {}, requestState, inputResponses: { [key]: NAME } };
  const call = client.start('tools/call', params, PROGRESS);
  await call.inbox.method('notifications/progress');
  await call.leave();
}

const DONE = { content: [{ type: 'text', text: 'state-ok true' }] };

function altered(state: string): string {
  const at = Math.floor(state.length / 2);
  return `${state.slice(0, at)}${state[at] === 'A' ? 'B' : 'A'}${state.slice(at + 1)}`;
}

const NOTHING = { begun: 0, finished: 0, cancelled: 0 };

describe.each(['legacy', 'modern'] as const)('the state of a call on a %s server', (era) => {
  it.each([
    ['tampered with', altered],
    ['extended', (state: string) => `${state}AAAA`],
    ['truncated', (state: string) => state.slice(0, -4)],
    ['cut in half', (state: string) => state.slice(0, state.length / 2)],
    ['empty', () => ''],
    ['invented', () => 'eyJjYWxsIjoiMSJ9'],
    ['no text', () => 7],
  ])('%s is refused and runs nothing, and the call goes on with the right one', async (_what, change) => {
    const client = connect(era);
    const state = await park(client);
    const counted = await counting(client);
    const requestState = change(String(state.requestState));
    expect((await retry(client, { ...state, requestState })).error).toMatchObject({ code: -32602 });
    expect(await counted()).toEqual(NOTHING);
    expect((await retry(client, state)).result).toMatchObject(DONE);
    expect(await counted()).toMatchObject({ finished: 1 });
  });

  it('in the hands of another principal is nothing', async () => {
    const [alice, bob] = [connect(era, KEYS.alice), connect(era, KEYS.bob)];
    const state = await park(alice);
    const [hers, his] = [await counting(alice), await counting(bob)];
    expect((await retry(bob, state)).error).toMatchObject({ code: -32602 });
    expect([await hers(), await his()]).toEqual([NOTHING, NOTHING]);
    expect((await retry(alice, state)).result).toMatchObject(DONE);
  });

  it('at another server is nothing', async () => {
    const [here, there] = [connect(era), connect(`other-${era}`)];
    const state = await park(here);
    const counted = await counting(there);
    expect((await retry(there, state)).error).toMatchObject({ code: -32602 });
    expect(await counted()).toEqual(NOTHING);
    expect((await retry(here, state)).result).toMatchObject(DONE);
  });

  it('with other parameters is refused', async () => {
    const client = connect(era);
    const { requestState, key } = await park(client);
    const counted = await counting(client);
    const other = { requestState, inputResponses: { [key]: CONFIRM }, arguments: { other: true } };
    expect((await client.tool(ASKING, other)).error).toMatchObject({ code: -32602 });
    expect(await counted()).toEqual(NOTHING);
  });

  it('outlives the connection that it came on, and is good on any other', async () => {
    const client = connect(era);
    const counted = await counting(client);
    const options = { capabilities, key: KEYS.alice };
    const connection = await ModernWsClient.connect(`${gateway.url(era)}/ws`, options);
    const state = await park(connection);
    await connection.close();
    expect((await retry(client, state)).result).toMatchObject(DONE);
    expect(await counted()).toMatchObject({ finished: 1 });
  });

  it('tells its client nothing', async () => {
    const { requestState } = await park(connect(era));
    expect(requestState).toMatch(/^[\w-]{80,}$/);
    expect(Buffer.from(String(requestState), 'base64url').toString('latin1')).not.toMatch(
      /input_required_result/,
    );
  });

  it('of a client that leaves during its retry: the server is told to stop', async () => {
    const client = connect(era);
    const state = await park(client, WAITING);
    const counted = await counting(client, WAITING);
    await leave(client, state);
    await eventually('the call is cancelled', async () => (await counted()).cancelled === 1);
    expect(await counted()).toMatchObject({ finished: 0 });
  });
});

describe('the state of a call that Berth keeps waiting', () => {
  it('is worth nothing after its time', async () => {
    const client = connect('legacy');
    const state = await park(client);
    const counted = await counting(client);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + PARK_TIME });
    const { error } = await retry(client, state);
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('too long') });
    expect(await counted()).toEqual(NOTHING);
  });

  it('used twice at once with the same answers brings the one result to both', async () => {
    const client = connect('legacy');
    const counted = await counting(client);
    const state = await park(client);
    const both = await Promise.all([retry(client, state), retry(client, state)]);
    expect(both.map(({ result }) => result)).toMatchObject([DONE, DONE]);
    expect(await counted()).toMatchObject({ begun: 1, finished: 1 });
  });

  it('used twice at once with different answers goes on with one of them', async () => {
    const client = connect('legacy');
    const counted = await counting(client);
    const state = await park(client);
    const both = await Promise.all([retry(client, state), retry(client, state, { action: 'decline' })]);
    expect(both.filter(({ error }) => error?.code === -32602)).toHaveLength(1);
    expect(both.filter(({ result }) => result?.resultType === 'complete')).toHaveLength(1);
    expect(await counted()).toMatchObject({ begun: 1, finished: 1 });
  });

  it('used again after its client has left is refused, and nothing is begun anew', async () => {
    const client = connect('legacy');
    const counted = await counting(client, WAITING);
    const { requestState, key } = await park(client, WAITING);
    await leave(client, { requestState, key });
    await eventually('the call is cancelled', async () => (await counted()).cancelled === 1);
    const again = await client.tool(WAITING, { requestState, inputResponses: { [key]: NAME } });
    expect(again.error).toMatchObject({ code: -32602 });
    expect(await counted()).toEqual({ begun: 1, finished: 0, cancelled: 1 });
  });
});
