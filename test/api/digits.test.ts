/** Numbers of a call that no number of this program could hold: as the caller wrote them to the server, and back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createControlListener } from '../../src/api/control-listener.ts';
import { Confirmation } from '../../src/control/confirmation.ts';
import { createControlEndpoint } from '../../src/control/endpoint.ts';
import { createFixture } from '../servers/doubles.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { ownSeal } from '../support/own-seal.ts';

/** Answers a call with the very text of its arguments. */
const PARROT = `
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  const say = (result) => process.stdout.write('{"jsonrpc":"2.0","id":' + JSON.stringify(id) + ',"result":' + result + '}\\n');
  if (method === 'initialize')
    say('{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"parrot","version":"1"}}');
  else if (method === 'tools/list')
    say('{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}');
  else if (method === 'tools/call')
    say('{"content":[],"structuredContent":' + /"arguments":(\\{[^}]*\\})/.exec(line)[1] + '}');
  else if (id !== undefined)
    process.stdout.write('{"jsonrpc":"2.0","id":' + JSON.stringify(id) + ',"error":{"code":-32601,"message":"no"}}\\n');
});`;

let gateway: TestGateway;
beforeAll(async () => {
  const fixture = await createFixture();
  gateway = await startGateway({
    servers: [{ name: 'parrot', launch: { file: process.execPath, args: ['-e', PARROT] } }],
    control: ({ guard, calls }) => {
      const { manager: servers, discovery } = fixture;
      const seal = ownSeal();
      const confirmation = new Confirmation('ask', seal);
      const mcp = createControlEndpoint({ servers, calls, discovery, confirmation }, { seal });
      const app = createApi({ ...fixture, calls });
      return createControlListener({ app, mcp, guard, ready: () => true });
    },
  });
});
afterAll(() => gateway?.close());

const NUMBERS =
  '{"a":9007199254740993,"b":-123456789012345678901234567890,"c":0.12345678901234567890,"d":1e400,"e":7}';

it.each(['application/json', 'application/x-ndjson'])('%s has every digit', async (accept) => {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/api/v1/servers/parrot/call`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: accept },
    body: `{"tool":"echo","arguments":${NUMBERS}}`,
  });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain(`"structuredContent":${NUMBERS}`);
});

const HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const ask = (body: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${gateway.port}/mcp`, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body,
  });
const CALL = `"name":"call_server_tool","arguments":{"name":"parrot","tool":"echo","arguments":${NUMBERS}}`;

it('an agent of the older era gets and gives every digit', async () => {
  const opened = await ask(
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}',
  );
  const session = { 'Mcp-Session-Id': opened.headers.get('Mcp-Session-Id') ?? '' };
  await opened.text();
  await (await ask('{"jsonrpc":"2.0","method":"notifications/initialized"}', session)).text();
  const answer = await ask(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{${CALL}}}`, session);
  expect(await answer.text()).toContain(`"structuredContent":${NUMBERS}`);
});

it('an agent of the newer era gets and gives every digit', async () => {
  const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`;
  const headers = {
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'tools/call',
    'Mcp-Name': 'call_server_tool',
  };
  const answer = await ask(
    `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{${CALL},${meta}}}`,
    headers,
  );
  expect(await answer.text()).toContain(`"structuredContent":${NUMBERS}`);
});
