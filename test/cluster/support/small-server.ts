/** A server in one text, for MCPServers whose program is a script. It speaks the legacy era and remembers what it is told. */

/**
 * Tools: `whoami` (version, process, what was remembered, the variable TOKEN), `remember` (a text), `wait` (until the file `release` of
 * its home is there). The first argument is its version; `--fail` makes it end at once with code 7.
 */
export const SMALL_SERVER = `
import { createInterface } from 'node:readline';
const [version = '1', mode] = process.argv.slice(2);
if (mode === '--fail') {
  console.error('no token given');
  process.exit(7);
}
let remembered = '';
const waiting = [];
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const tools = ['whoami', 'remember', 'wait', 'release'].map((name) => ({ name, inputSchema: { type: 'object' } }));
const call = (id, { name, arguments: given = {} }) => {
  if (name === 'wait') return void waiting.push(id);
  if (name === 'release') for (const one of waiting.splice(0)) say({ id: one, result: text({ version, pid: process.pid }) });
  if (name === 'remember') remembered = String(given.text);
  say({ id, result: text({ version, pid: process.pid, remembered, token: process.env.TOKEN }) });
};
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize')
    say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'small', version } } });
  else if (method === 'tools/list') say({ id, result: { tools } });
  else if (method === 'tools/call') call(id, params);
  else if (method === 'ping') say({ id, result: {} });
  else if (id !== undefined) say({ id, error: { code: -32601, message: 'Method not found' } });
}
`;
