/** A request by name reaches the server of that name: for any server, over every transport, all at one time. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { connect, session, TRANSPORTS } from '../support/transports.ts';

const script = fileURLToPath(new URL('../fixtures/processes/named.mjs', import.meta.url));
const NAMES = ['a', 'b', 'files', 'files-2', '2-files', 'mcp', 'servers', 'sse', 'x'.repeat(52)];

let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  const servers = NAMES.map((name) => ({ name, launch: { file: process.execPath, args: [script, name] } }));
  gateway = await startGateway({ servers });
});
afterAll(() => gateway?.close());

describe.each(TRANSPORTS)('over %s', (transport) => {
  it('every name leads to its own server', async () => {
    const answers = await Promise.all(
      NAMES.map(async (name) => {
        const client = await session(transport, gateway.url(name));
        const texts = [await client.toolText('who'), await client.toolText('who')];
        await client.close();
        return [name, ...texts];
      }),
    );
    expect(answers).toEqual(NAMES.map((name) => [name, name, name]));
  });

  it('the server itself says that it is the one', async () => {
    for (const name of NAMES.slice(0, 3)) {
      const client = await connect(transport, gateway.url(name));
      const { message } = await client.initialize();
      expect(message.result).toMatchObject({ serverInfo: { name } });
      await client.close();
    }
  });
});

it.each(['nobody', 'A', 'files%2e', 'files/..', ''])('no server is found under %j', async (name) => {
  const response = await fetch(`${gateway.url(name)}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }),
  });
  expect(response.status).toBe(404);
});
