/**
 * A remote server of both eras: a gateway stands in front of a gateway, whose servers have both at their URLs. Said to be so, it is spoken
 * to in its client's own (data-path.md section 6); found to be modern, its modern side serves legacy clients, too.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import { SPEAKS } from '../support/requirements.ts';
import { StreamableClient } from '../support/streamable-client.ts';

const TEXT = [{ type: 'text', text: 'Plain text from the fixture' }];
const ASKING = 'test_input_required_result_elicitation';

let inner: TestGateway;
let outer: TestGateway;
beforeAll(async () => {
  inner = await startGateway({
    servers: [
      { name: 'dual', launch: fixtureLaunch('dual'), eras: SPEAKS.dual },
      { name: 'stateless', launch: fixtureLaunch('modern'), eras: SPEAKS.modern, sessions: 'none' },
    ],
  });
  const remote = (name: string) => ({ remote: { url: `${inner.url(name)}/mcp` } });
  outer = await startGateway({
    servers: [
      { name: 'both', ...remote('dual'), eras: SPEAKS.dual },
      { name: 'found', ...remote('stateless') },
    ],
  });
});
afterAll(async () => {
  await outer?.close();
  await inner?.close();
});

/** Sessions of legacy clients that the remote server has. */
function sessionsThere(name: string): number {
  return inner.host.supervisor.activity(inner.ids.get(name) ?? '')?.sessions ?? 0;
}

/** A legacy client that can be asked, behind its handshake. */
async function legacyClient(base: string) {
  const client = new StreamableClient(`${base}/mcp`, { capabilities: { elicitation: {} } });
  const { message } = await client.initialize();
  return { client, capabilities: message.result?.capabilities };
}

describe('a remote server that is said to be of both eras', () => {
  it('has a session for each legacy client, with what only that era has', async () => {
    const before = sessionsThere('dual');
    const { client, capabilities } = await legacyClient(outer.url('both'));
    // A modern server has no tasks that a legacy client could be offered.
    expect(capabilities).toHaveProperty('tasks');
    expect(sessionsThere('dual')).toBe(before + 1);
    expect((await client.tool('test_simple_text')).message.result?.content).toEqual(TEXT);
    await client.delete();
    await eventually('it ends there, too', () => sessionsThere('dual') === before);
  });

  it('has none for modern ones', async () => {
    const before = sessionsThere('dual');
    const client = new ModernHttpClient(`${outer.url('both')}/mcp`);
    const { result } = await client.tool('test_simple_text');
    expect(result).toMatchObject({ resultType: 'complete', content: TEXT });
    expect(sessionsThere('dual')).toBe(before);
  });
});

it('one that is found to be modern asks legacy clients what its legacy side, without sessions, could not', async () => {
  const direct = await legacyClient(inner.url('stateless'));
  expect((await direct.client.tool(ASKING)).message.error).toMatchObject({ code: -32021 });
  const { client } = await legacyClient(outer.url('found'));
  const call = client.tool(ASKING);
  const { message } = await client.inbox.method('elicitation/create');
  await client.respond(message.id, { action: 'accept', content: { name: 'Ada' } });
  expect((await call).message.result).toMatchObject({ content: [{ text: 'Hello, Ada!' }] });
});
