/** Servers that ask whoever calls them for a name: one of each era. */

/** Of the legacy era: the call waits in the process. */
export const ASKING = `
import { createInterface } from 'node:readline';
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const waiting = new Map();
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params, result } = JSON.parse(line);
  const serverInfo = { name: 'asking', version: '1' };
  if (method === undefined) say({ id: waiting.get(id), result: { content: [{ type: 'text', text: result.content.name }] } });
  else if (method === 'initialize') say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  else if (method === 'tools/list') say({ id, result: { tools: [{ name: 'ask', inputSchema: { type: 'object' } }] } });
  else if (method === 'tools/call') {
    const question = 'q' + waiting.size;
    waiting.set(question, id);
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
    say({ id: question, method: 'elicitation/create', params: { message: 'Who?', requestedSchema } });
  } else if (id !== undefined) say({ id, error: { code: -32601, message: 'Method not found' } });
});
`;

/** What {@link KEEPING} gives out, which must come back as it was. */
export const KEPT_STATE = 'kept/by the server=';

/** Of 2026-07-28: what it knows of the call it gives the client to bring back. */
export const KEEPING = `
import { createInterface } from 'node:readline';
const answer = (id, outcome) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }) + '\\n');
const capabilities = { tools: {} };
const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'keeping', version: '1' } };
const kept = { ttlMs: 0, cacheScope: 'private' };
const params = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };
const asked = { resultType: 'input_required', inputRequests: { who: { method: 'elicitation/create', params } }, requestState: '${KEPT_STATE}' };
function call(id, { requestState, inputResponses }) {
  if (requestState === undefined) return answer(id, { result: asked });
  if (requestState !== asked.requestState) return answer(id, { error: { code: -32602, message: 'not my state' } });
  answer(id, { result: { resultType: 'complete', content: [{ type: 'text', text: inputResponses.who.content.name }] } });
}
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'server/discover') answer(id, { result: { resultType: 'complete', ...kept, supportedVersions: ['2026-07-28'], capabilities, _meta } });
  else if (method === 'tools/list') answer(id, { result: { resultType: 'complete', ...kept, tools: [{ name: 'ask', inputSchema: { type: 'object' } }] } });
  else if (method === 'tools/call') call(id, params);
  else if (id !== undefined) answer(id, { error: { code: -32601, message: 'Method not found' } });
});
`;
