// The server behind every contestant: newline-delimited JSON-RPC on stdio, as little work per call as possible.
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

const text = (value) => ({ content: [{ type: 'text', text: value }] });

// Standard output is blocking on Linux: a full pipe stops this program, which is what the unread-client case wants.
function flood({ count = 1, bytes = 1024 }) {
  const params = { level: 'info', data: 'x'.repeat(bytes) };
  const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })}\n`;
  for (let sent = 0; sent < count; sent += 1) process.stdout.write(line);
  return text(String(count));
}

function result(method, params) {
  if (method === 'tools/call')
    return params.name === 'flood' ? flood(params.arguments ?? {}) : text(params.arguments.text);
  if (method === 'tools/list') return { tools };
  if (method === 'initialize') {
    return {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {}, logging: {} },
      serverInfo: { name: 'bench-echo', version: '1.0.0' },
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
