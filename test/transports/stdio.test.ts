/** A client on the standard streams whose messages are too large. */
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSealKey } from '../../src/auth/key-ring.ts';
import { LOCAL_PRINCIPAL } from '../../src/auth/principal.ts';
import { createSealer } from '../../src/auth/seal.ts';
import { createInProcessLink } from '../../src/link/in-process.ts';
import { type StdioEnd, serveStdio } from '../../src/transports/stdio.ts';
import { Harness, type Line, request, settle } from '../sessions/harness.ts';
import { TEST_LIMITS } from '../support/gateway.ts';

const MOST = 1_000;

let harness: Harness;
let input: PassThrough;
let answers: Line[];
let served: Promise<StdioEnd>;

beforeEach(async () => {
  harness = new Harness();
  const link = createInProcessLink(harness.supervisor);
  const output = new PassThrough();
  input = new PassThrough();
  answers = [];
  output.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString('utf8').split('\n').filter(Boolean)) answers.push(JSON.parse(line));
  });
  let count = 0;
  const plane = {
    limits: { ...TEST_LIMITS, messageBytes: MOST },
    sealer: createSealer({ keys: [createSealKey()], lasting: false }),
    router: { route: () => ({ replica: 'local', link }), replica: () => link },
    nextKey: () => `stdio.${++count}`,
    nextNonce: () => randomBytes(18).toString('base64url'),
  };
  const server = { ...harness.definition, state: 'running' as const };
  served = serveStdio(plane, { server, principal: LOCAL_PRINCIPAL }, { input, output });
  await send(
    request(
      '1',
      'initialize',
      '{"protocolVersion":"2025-11-25","capabilities":{"roots":{}},"clientInfo":{"name":"t","version":"1"}}',
    ),
  );
  await send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
});
afterEach(async () => {
  input.end();
  await served;
  await harness.close();
});

async function send(text: string): Promise<void> {
  input.write(`${text}\n`);
  await settle();
}

const pad = 'x'.repeat(MOST);

it('a request that is too large is answered with the reason', async () => {
  await send(request('2', 'tools/call', `{"pad":"${pad}"}`));
  expect(answers.at(-1)).toMatchObject({ id: 2, error: { data: { code: 'too-large' } } });
  expect(harness.server.of('tools/call')).toEqual([]);
});

it('an answer that is too large becomes an error for the server that waits for it, and none for the client’s own call of that id', async () => {
  await send(request('7', 'tools/call'));
  harness.server.say(request('7', 'roots/list'));
  await settle();
  const asked = answers.at(-1);
  expect(asked).toMatchObject({ method: 'roots/list' });
  const before = answers.length;
  await send(`{"jsonrpc":"2.0","id":${JSON.stringify(asked?.id)},"result":{"roots":[],"pad":"${pad}"}}`);
  expect(answers).toHaveLength(before);
  expect(harness.server.lines.at(-1)).toMatchObject({ id: 7, error: { data: { code: 'too-large' } } });
  harness.server.answer(harness.server.id('tools/call'), { done: true });
  await settle();
  expect(answers.at(-1)).toMatchObject({ id: 7, result: { done: true } });
});
