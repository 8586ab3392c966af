/** Berth's own calls, for callers of its API: whole modern requests. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LOCAL_PRINCIPAL } from '../../src/auth/principal.ts';
import { createOwnCalls } from '../../src/transports/own-calls.ts';
import { TEST_LIMITS } from '../support/gateway.ts';
import { messageFault } from '../support/message-schema.ts';
import { type ModernFront, startModernFront } from './modern-front.ts';

let front: ModernFront;
beforeAll(async () => {
  front = await startModernFront();
  front.link.onCall = (call) => call.answer();
});
afterAll(() => front.close());

it.each([
  ['server/discover', {}],
  ['tools/list', {}],
  ['tools/call', { name: 't', arguments: { a: 1 } }],
  ['prompts/list', { cursor: 'next' }],
  ['prompts/get', { name: 'p', arguments: { a: 'x' } }],
  ['resources/list', {}],
  ['resources/templates/list', {}],
  ['resources/read', { uri: 'test://a' }],
])('%s keeps the schema of its revision', async (method, params) => {
  const { definition } = front.harness;
  const calls = createOwnCalls({
    directory: { find: () => ({ ...definition, state: 'running' }) },
    router: front.router,
    sealer: front.sealer,
    limits: TEST_LIMITS,
  });
  const answer = await calls({ server: 'memory', caller: LOCAL_PRINCIPAL, method, params });
  expect(answer).toMatchObject({ result: { resultType: 'complete' } });
  const sent = JSON.parse(front.link.calls.at(-1)?.text ?? '');
  expect(sent).toMatchObject({ method, params });
  expect(messageFault('2026-07-28', sent)).toBeUndefined();
});
