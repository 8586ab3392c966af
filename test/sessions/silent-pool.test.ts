/** The pool of clients without a session, on a server that never answers its handshake. */
import { afterEach, expect, it } from 'vitest';
import { Harness, ORDINARY, request, settle } from './harness.ts';

let harness: Harness;
afterEach(() => harness.close());

it('a process that does not answer initialize in its time is ended, and the next call starts another', async () => {
  let silent = true;
  harness = new Harness({
    sessions: 'none',
    limits: { startTimeout: 60_000 },
    answers: { initialize: (line) => (silent ? undefined : ORDINARY.initialize(line)) },
  });
  const client = harness.client({ kind: 'affinity' });
  const reader = client.call(request('1', 'tools/list'));
  await settle();
  for (let n = 0; n < 2; n++) harness.clock.advance(60_000);
  await settle();
  expect(reader.lines[0]?.error?.data).toMatchObject({ phase: 'handshake' });
  expect(harness.server.process.stopping).toBe(true);
  silent = false;
  client.call(request('2', 'tools/list'));
  await settle();
  expect(harness.servers[1]?.of('tools/list')).toHaveLength(1);
});
