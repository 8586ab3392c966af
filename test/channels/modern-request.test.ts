import { describe, expect, it } from 'vitest';
import { modernHeaders } from '../../src/channels/modern-request.ts';
import { ToolHeaders } from '../../src/channels/tool-headers.ts';
import { scanMessage } from '../../src/jsonrpc/envelope.ts';

const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}';

function headersOf(method: string, params: string, tools = new ToolHeaders()) {
  const bytes = Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":{${META}${params}}}`,
  );
  const { envelope } = scanMessage(bytes);
  if (!envelope) throw new Error('no message');
  return modernHeaders({ bytes, envelope }, tools);
}

/** Tools known from a list with one tool of these properties. */
function knowing(properties: object): ToolHeaders {
  const tools = new ToolHeaders();
  const list = { tools: [{ name: 'tool', inputSchema: { type: 'object', properties } }] };
  const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: list }));
  const { envelope } = scanMessage(bytes);
  if (!envelope) throw new Error('no message');
  tools.learn({ bytes, envelope });
  return tools;
}

describe('the headers of a modern request', () => {
  it.each([
    ['tools/list', '', undefined],
    ['tools/call', ',"name":"my-hyphenated-tool"', 'my-hyphenated-tool'],
    ['prompts/get', ',"name":"test_prompt"', 'test_prompt'],
    ['resources/read', ',"uri":"file:///path/to/file%20name.txt"', 'file:///path/to/file%20name.txt'],
    ['resources/read', ',"uri":"https://example.com/resource?id=123"', 'https://example.com/resource?id=123'],
    ['tasks/get', ',"taskId":"t-1"', 't-1'],
    ['tasks/update', ',"taskId":"t-1"', 't-1'],
    ['tasks/cancel', ',"taskId":"t-1"', 't-1'],
    ['prompts/list', ',"name":"x"', undefined],
    ['tools/call', ',"name":7', undefined],
  ])('name %s with %s', (method, params, name) => {
    expect(headersOf(method, params)).toEqual({
      'mcp-method': method,
      'mcp-protocol-version': '2026-07-28',
      ...(name !== undefined && { 'mcp-name': name }),
    });
  });

  it('repeat the arguments that the tool marks, and no others', () => {
    const tools = knowing({
      region: { type: 'string', 'x-mcp-header': 'Region' },
      method: { type: 'string', 'x-mcp-header': 'Method' },
      big: { type: 'integer', 'x-mcp-header': 'Big' },
      on: { type: 'boolean', 'x-mcp-header': 'On' },
      off: { type: 'boolean', 'x-mcp-header': 'Off' },
      nothing: { type: 'string', 'x-mcp-header': 'Nothing' },
      absent: { type: 'string', 'x-mcp-header': 'Absent' },
      odd: { type: 'string', 'x-mcp-header': 'Odd' },
      inner: { type: 'object', properties: { deep: { type: 'string', 'x-mcp-header': 'Deep' } } },
      query: { type: 'string' },
    });
    const args =
      '{"region":"us west 1","method":"m","big":9007199254740993,"on":true,"off":false,"nothing":null,"odd":["x"],"inner":{"deep":"d"},"query":"q"}';
    expect(headersOf('tools/call', `,"name":"tool","arguments":${args}`, tools)).toEqual({
      'mcp-method': 'tools/call',
      'mcp-protocol-version': '2026-07-28',
      'mcp-name': 'tool',
      'mcp-param-region': 'us west 1',
      'mcp-param-method': 'm',
      'mcp-param-big': '9007199254740993',
      'mcp-param-on': 'true',
      'mcp-param-off': 'false',
      'mcp-param-deep': 'd',
    });
    expect(headersOf('tools/call', `,"name":"other","arguments":${args}`, tools)).not.toHaveProperty(
      'mcp-param-region',
    );
    expect(headersOf('prompts/get', `,"name":"tool","arguments":${args}`, tools)).not.toHaveProperty(
      'mcp-param-region',
    );
  });
});

describe('a list of tools', () => {
  function learn(text: string, tools = new ToolHeaders()): string {
    const bytes = Buffer.from(text);
    const { envelope } = scanMessage(bytes);
    if (!envelope) throw new Error('no message');
    return tools.learn({ bytes, envelope }).toString('utf8');
  }
  const bad = '{"name":"bad","inputSchema":{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}}';
  const good =
    '{"name":"good","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}},"n":1.0}';

  it('passes as it is when all of its tools may be offered', () => {
    const text = `{"jsonrpc":"2.0", "id":1.0,"result":{"tools":[ ${good} ],"nextCursor":"x"}}`;
    expect(learn(text)).toBe(text);
  });

  it('loses the tools that may not, and not a digit of the rest', () => {
    const text = `{"jsonrpc":"2.0","id":1.0,"result":{"tools":[${bad},${good}],"ttlMs":9007199254740993}}`;
    expect(learn(text)).toBe(
      `{"jsonrpc":"2.0","id":1.0,"result":{"tools":[${good}],"ttlMs":9007199254740993}}`,
    );
  });

  it('that is nested without end is left alone', () => {
    const deep = `${'['.repeat(50_000)}"x-mcp-header"${']'.repeat(50_000)}`;
    const text = `{"jsonrpc":"2.0","id":1,"result":{"tools":[${bad}],"more":${deep}}}`;
    expect(learn(text)).toBe(text);
  });

  it('forgets what a tool no longer asks for', () => {
    const tools = new ToolHeaders();
    learn(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${good}]}}`, tools);
    expect(tools.annotationsOf('good')).toHaveLength(1);
    learn('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"good","inputSchema":{}}]}}', tools);
    expect(tools.annotationsOf('good')).toEqual([]);
  });
});
