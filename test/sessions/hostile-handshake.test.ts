/** Servers whose answer to `initialize` is no such answer: the client is told, and the program that hosts them lives on. */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, request, settle } from './harness.ts';

let harness: Harness;
afterEach(() => harness.close());

const INITIALIZE = request('1', 'initialize', '{"protocolVersion":"2025-11-25","capabilities":{}}');
const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;

describe.each([
  ['no object', '7'],
  ['null', 'null'],
  ['an empty object', '{}'],
  [
    'a revision that cannot become text',
    '{"protocolVersion":{"toString":1,"valueOf":1},"capabilities":{},"serverInfo":{}}',
  ],
  ['a deeply nested revision', `{"protocolVersion":${nested},"capabilities":{}}`],
  ['deeply nested capabilities', `{"protocolVersion":"2025-11-25","capabilities":{"tools":${nested}}}`],
  ['a deeply nested stranger', `{"protocolVersion":"2025-11-25","capabilities":{},"x":${nested}}`],
])('a result that is %s', (_what, result) => {
  it.each([
    ['session', 'minted'],
    ['principal', 'minted'],
    ['shared', 'minted'],
    ['session', 'none'],
    ['call', 'minted'],
  ] as const)('is answered, isolation %s, sessions %s', async (isolation, sessions) => {
    harness = new Harness({ isolation, sessions, answers: { initialize: () => undefined } });
    const pooled = isolation === 'call' || sessions === 'none';
    const reader = harness.client(pooled ? { kind: 'affinity' } : {}).call(INITIALIZE);
    await settle();
    harness.server.say(`{"jsonrpc":"2.0","id":${harness.server.id('initialize')},"result":${result}}`);
    await settle();
    expect(reader.events).toHaveLength(1);
    expect(reader.texts[0]).toMatch(/^\{"jsonrpc":"2.0","id":1,"(result|error)":/);
  });
});

it.each(['session', 'principal', 'shared'] as const)(
  'a session whose handshake was refused is over, isolation %s',
  async (isolation) => {
    const answers = { initialize: () => ({ error: { code: -32602, message: 'not with me' } }) };
    harness = new Harness({ isolation, answers });
    const reader = harness.client().call(INITIALIZE);
    await settle();
    expect(reader.lines[0]?.error).toEqual({ code: -32602, message: 'not with me' });
    expect(harness.supervisor.activity(harness.definition.id)?.sessions).toBe(0);
  },
);
