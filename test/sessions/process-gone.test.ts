/** Modern calls whose process goes away, or could, before they are on it: none of them waits for nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, type HarnessOptions, settle } from './harness.ts';
import { ModernClient } from './modern-client.ts';

const EVERYTHING = { elicitation: {}, sampling: {}, roots: {} };
const DONE = { content: [] };
/** Milliseconds between looks at idle processes. */
const SWEEP = 1_000;

let harness: Harness;
afterEach(() => harness.close());

function start(options: HarnessOptions = {}): ModernClient {
  harness = new Harness(options);
  return new ModernClient(harness, { capabilities: EVERYTHING });
}

/** A call whose headers are to be compared, which needs the server's tools first. */
async function callWithHeaders(client: ModernClient) {
  const reader = await client.call(
    'tools/call',
    { name: 't', arguments: {} },
    { modern: { params: { region: 'x' } } },
  );
  expect(harness.server.of('tools/list')).toHaveLength(1);
  return reader;
}

describe('a call that waits for its turn', () => {
  it('fails with the process, like the one whose turn it is', async () => {
    const client = start();
    for (const name of ['t1', 't2']) client.send('tools/call', { name });
    await settle();
    // nobody can tell which of the two asks: from now on they run one at a time
    harness.server.say({ jsonrpc: '2.0', id: 1, method: 'roots/list' });
    await settle();
    for (const { id } of harness.server.of('tools/call')) harness.server.answer(id, DONE);
    await settle();
    const readers = ['t3', 't4'].map((name) => client.send('tools/call', { name }));
    await settle();
    expect(harness.server.of('tools/call')).toHaveLength(3);
    harness.server.process.crash({ code: 9, signal: null });
    await settle();
    const failed = { error: { code: -32603, data: { exitCode: 9 } } };
    expect(readers.flatMap(({ lines }) => lines)).toMatchObject([failed, failed]);
  });
});

describe('a call whose headers are being compared', () => {
  it('fails when its process ends meanwhile', async () => {
    const reader = await callWithHeaders(start());
    harness.server.process.crash({ code: 9, signal: null });
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32603, data: { exitCode: 9 } } }]);
  });

  it('keeps its process, though that is for this call alone', async () => {
    const reader = await callWithHeaders(start({ isolation: 'call' }));
    harness.clock.advance(SWEEP);
    await settle();
    expect(harness.server.process.stopping).toBe(false);
    harness.server.answer(harness.server.id('tools/list'), { tools: [] });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(reader.lines).toMatchObject([{ result: DONE }]);
  });
});
