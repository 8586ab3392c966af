/** What is counted of a call, whichever eras its client and its server speak. */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, request, settle } from './harness.ts';
import { ModernClient } from './modern-client.ts';
import { modernHarness, QUIET } from './modern-server.ts';

let harness: Harness;
afterEach(() => harness.close());

const take = () => harness.supervisor.takeUsage().get('the-server');

/** The newest tool call reaches the server and gets an error. */
async function refuse(): Promise<void> {
  await settle();
  harness.server.say({
    jsonrpc: '2.0',
    id: harness.server.id('tools/call'),
    error: { code: 1, message: 'no' },
  });
  await settle();
}

async function answer(): Promise<void> {
  await settle();
  harness.server.answer(harness.server.id('tools/call'), { resultType: 'complete', content: [] });
  await settle();
}

describe('a call', () => {
  it('of a legacy client on a legacy server counts when it is over, and as failed with an error', async () => {
    harness = new Harness();
    const client = await harness.session();
    client.call(request('1'));
    await settle();
    expect(take()).toEqual({ sessions: 1, calls: 1, failedCalls: 0 });
    await refuse();
    client.call(request('2'));
    await answer();
    expect(take()).toEqual({ sessions: 0, calls: 2, failedCalls: 1 });
  });

  it('that its client gives up has not failed', async () => {
    harness = new Harness();
    const client = await harness.session();
    client.call(request('1'));
    await client.cancel('1');
    expect(take()).toMatchObject({ calls: 2, failedCalls: 0 });
  });

  it('that its process does not answer has failed', async () => {
    harness = new Harness();
    const client = await harness.session();
    client.call(request('1'));
    await settle();
    harness.clock.advance(harness.definition.limits.requestTimeout + 1_000);
    expect(take()).toMatchObject({ calls: 2, failedCalls: 1 });
  });

  it('of a modern client on a legacy server counts as one, with an error as failed', async () => {
    harness = new Harness();
    const client = new ModernClient(harness);
    client.send('tools/call', { name: 'x' });
    await answer();
    client.send('tools/call', { name: 'x' });
    await refuse();
    expect(take()).toEqual({ sessions: 0, calls: 2, failedCalls: 1 });
  });

  it('of a legacy client on a modern server counts the same', async () => {
    harness = modernHarness({ answers: QUIET });
    const client = await harness.session();
    client.call(request('1', 'tools/call', '{"name":"x"}'));
    await answer();
    client.call(request('2', 'tools/call', '{"name":"x"}'));
    await refuse();
    expect(take()).toEqual({ sessions: 1, calls: 3, failedCalls: 1 });
  });
});
