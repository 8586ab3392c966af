// The server behind every contestant: newline-delimited JSON-RPC on stdio, as little work per call as possible.
// With the argument `modern` it speaks revision 2026-07-28 and nothing else, else the legacy revisions.
// Tools: `echo` returns its text; `flood` sends `count` log notifications of `bytes` bytes each before it answers.

const tools = [
  {
    name: 'echo',
    description: 'Returns its text',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
  },
  {
    name: 'flood',
    description: 'Sends count notifications of the given size, then answers',
    inputSchema: { type: 'object', properties: { count: { type: 'integer' }, bytes: { type: 'integer' } } },
  },
];

const modern = process.argv.includes('modern');
const complete = modern ? { resultType: 'complete' } : {};
const cached = modern ? { ttlMs: 600_000, cacheScope: 'public' } : {};
const serverInfo = { name: 'bench-echo', version: '1.0.0' };

const text = (value) => ({ ...complete, content: [{ type: 'text', text: value }] });

// Standard output is blocking on Linux: a full pipe stops this program, which is what the unread-client case wants.
function flood({ count = 1, bytes = 1024 }) {
  const params = { level: 'info', data: 'x'.repeat(bytes) };
  const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })}\n`;
  for (let sent = 0; sent < count; sent += 1) process.stdout.write(line);
  return text(String(count));
}

const discovered = {
  ...complete,
  ...cached,
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
};

function result(method, params) {
  if (method === 'tools/call')
    return params.name === 'flood' ? flood(params.arguments ?? {}) : text(params.arguments.text);
  if (method === 'tools/list') return { ...complete, ...cached, tools };
  if (modern) return method === 'server/discover' ? discovered : undefined;
  if (method === 'initialize') {
    return {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {}, logging: {} },
      serverInfo,
    };
  }
  return method === 'ping' || method === 'logging/setLevel' ? {} : undefined;
}

function answer(line) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) return '';
  const value = result(method, params);
  const outcome =
    value === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result: value };
  return `${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`;
}

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop() ?? '';
  let out = '';
  for (const line of lines) if (line !== '') out += answer(line);
  if (out !== '') process.stdout.write(out);
});
process.stdin.on('end', () => process.exit(0));
