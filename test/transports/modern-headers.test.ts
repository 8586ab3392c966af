/** The headers that repeat a modern request's body: what is compared, decoded and handed on (2026-07-28, Streamable HTTP). */
import { request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeHeaderValue } from '../../src/jsonrpc/header-value.ts';
import { readMcpHeaders } from '../../src/transports/modern/headers.ts';
import { eventually } from '../support/local-process.ts';
import { RawStream } from '../support/raw-stream.ts';
import {
  headersFor,
  type ModernFront,
  modernText,
  refusalOf,
  startModernFront,
  TYPES,
  VERSION,
} from './modern-front.ts';

const ECHO = { name: 'echo', arguments: {} };

let front: ModernFront;
beforeAll(async () => {
  front = await startModernFront();
  front.link.onCall = (call) => call.answer();
});
afterAll(() => front.close());
afterEach(() => {
  front.link.calls.length = 0;
});

/** Posts with raw header lines, doubled ones too; gives status and code. */
function postRaw(body: string, lines: readonly string[]): Promise<[number | undefined, number | undefined]> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      port: front.port,
      host: '127.0.0.1',
      path: '/servers/memory/mcp',
      method: 'POST',
      headers: ['Host', `127.0.0.1:${front.port}`, ...Object.entries(TYPES).flat(), ...lines],
      agent: false,
    });
    sent.on('response', async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      const { error } = JSON.parse(text) as { error?: { code: number } };
      resolve([response.statusCode, error?.code]);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('a header that a request needs', () => {
  it.each([
    ['no version', 'tools/list', {}, { 'mcp-protocol-version': null }],
    ['the version of another era', 'tools/list', {}, { 'mcp-protocol-version': '2025-11-25' }],
    ['another version', 'tools/list', {}, { 'mcp-protocol-version': '2027-01-01' }],
    ['no method', 'tools/list', {}, { 'mcp-method': null }],
    ['another method', 'tools/list', {}, { 'mcp-method': 'prompts/list' }],
    ['its method in capitals', 'tools/list', {}, { 'mcp-method': 'TOOLS/LIST' }],
    ['an empty method', 'tools/list', {}, { 'mcp-method': '' }],
    ['its method in base64', 'tools/list', {}, { 'mcp-method': '=?base64?dG9vbHMvbGlzdA==?=' }],
    ['no name of the tool', 'tools/call', ECHO, { 'mcp-name': null }],
    ['another name of the tool', 'tools/call', ECHO, { 'mcp-name': 'wrong_tool_name' }],
    ['its name in capitals', 'tools/call', ECHO, { 'mcp-name': 'ECHO' }],
    ['no name of the prompt', 'prompts/get', { name: 'p' }, { 'mcp-name': null }],
    ['another name of the prompt', 'prompts/get', { name: 'p' }, { 'mcp-name': 'q' }],
    ['no uri', 'resources/read', { uri: 'file:///a' }, { 'mcp-name': null }],
    ['another uri', 'resources/read', { uri: 'file:///a' }, { 'mcp-name': 'file:///b' }],
    ['no task', 'tasks/get', { taskId: 't' }, { 'mcp-name': null }],
    ['another task', 'tasks/update', { taskId: 't' }, { 'mcp-name': 'u' }],
    ['another task to cancel', 'tasks/cancel', { taskId: 't' }, { 'mcp-name': 'u' }],
    ['a name that is no base64', 'tools/call', ECHO, { 'mcp-name': '=?base64?ZWNobw=?=' }],
    ['a name that is no UTF-8', 'tools/call', ECHO, { 'mcp-name': '=?base64?/w==?=' }],
  ])('is missing or wrong with %s', async (_what, method, params, headers) => {
    const response = await front.post(modernText(method, params, '"h"'), {
      ...headersFor(method, params),
      ...headers,
    });
    expect(await refusalOf(response)).toMatchObject({ status: 400, code: -32020, id: 'h' });
    expect(front.link.calls).toEqual([]);
  });

  it.each([
    ['its name with blanks around it', 'tools/call', ECHO, { 'mcp-name': '  echo  ' }],
    ['its name in base64', 'tools/call', ECHO, { 'mcp-name': '=?base64?ZWNobw==?=' }],
    ['a name that only looks like base64', 'tools/call', { name: '=?base64?ZQ==' }, {}],
    ['a name of another alphabet', 'tools/call', { name: 'эхо' }, {}],
    ['a name for a method without', 'tools/list', {}, { 'mcp-name': 'of nothing' }],
    ['no name where the params have none', 'tools/call', {}, {}],
    ['no name where it is no text', 'tools/call', { name: 1 }, {}],
    ['its task', 'tasks/get', { taskId: 't' }, {}],
  ])('is right with %s', async (_what, method, params, headers) => {
    const response = await front.post(modernText(method, params), {
      ...headersFor(method, params),
      ...headers,
    });
    expect(response.status).toBe(200);
    await response.body();
  });

  it.each(['mcp-method', 'MCP-METHOD', 'Mcp-Method'])('may be spelt %s', async (name) => {
    const lines = ['MCP-PROTOCOL-VERSION', VERSION, name, 'tools/list'];
    expect(await postRaw(modernText('tools/list'), lines)).toEqual([200, undefined]);
  });

  it.each([
    ['MCP-Protocol-Version', VERSION],
    ['Mcp-Method', 'tools/call'],
    ['Mcp-Name', 'echo'],
    ['Mcp-Param-X', 'x'],
  ])('is there once: %s', async (name, value) => {
    const lines = [...Object.entries(headersFor('tools/call', ECHO)).flat(), name, value];
    if (name === 'Mcp-Param-X') lines.push('mcp-param-x', value);
    expect(await postRaw(modernText('tools/call', ECHO), lines)).toEqual([400, -32020]);
  });

  it('is compared whatever the name is', async () => {
    const names = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      .map((name) => name.toWellFormed());
    await fc.assert(
      fc.asyncProperty(names, names, async (name, other) => {
        const good = await front.request('tools/call', { name });
        expect(good.status).toBe(200);
        await good.body();
        const headers = { ...headersFor('tools/call', { name }), 'mcp-name': encodeHeaderValue(other) };
        const bad = await front.post(modernText('tools/call', { name }), headers);
        expect(bad.status).toBe(name === other ? 200 : 400);
        await bad.body();
      }),
      { numRuns: 50 },
    );
  });
});

describe('the headers of parameters', () => {
  it('are handed on decoded, by the lower-case rest of their names', async () => {
    const response = await front.post(modernText('tools/call', ECHO), {
      ...headersFor('tools/call', ECHO),
      'Mcp-Param-Region': 'us-west1',
      'mcp-param-greeting': '=?base64?SGVsbG8=?=',
      'MCP-PARAM-LITERAL': 'SGVsbG8=',
      'mcp-param-open': '=?base64?SGVsbG8=',
      'mcp-param-empty': '',
      'mcp-param-__proto__': 'p',
      'mcp-parameter': 'of nobody',
    });
    expect(response.status).toBe(200);
    await response.body();
    expect(Object.entries(front.link.calls[0]?.request.modern?.params ?? {})).toEqual([
      ['region', 'us-west1'],
      ['greeting', 'Hello'],
      ['literal', 'SGVsbG8='],
      ['open', '=?base64?SGVsbG8='],
      ['empty', ''],
      ['__proto__', 'p'],
    ]);
  });

  it.each(['=?base64?SGVsbG8?=', '=?base64?SGVs!!!bG8=?=', '=?base64?/w==?='])(
    'that cannot be decoded are refused: %s',
    async (value) => {
      const headers = { ...headersFor('tools/call', ECHO), 'mcp-param-x': value };
      const refusal = await refusalOf(await front.post(modernText('tools/call', ECHO), headers));
      expect(refusal).toMatchObject({ status: 400, code: -32020, id: 1 });
    },
  );

  it('come back whatever text they carry', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed());
    const name = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
    fc.assert(
      fc.property(fc.dictionary(name, text, { noNullPrototype: true }), (params) => {
        const raw = Object.entries(params).flatMap(([key, value]) => [
          `Mcp-Param-${key}`,
          encodeHeaderValue(value),
        ]);
        expect(Object.entries(readMcpHeaders(raw).params)).toEqual(Object.entries(params));
      }),
    );
  });
});

it('blanks and tabs around a value do not count', async () => {
  const body = modernText('tools/call', ECHO);
  const stream = await RawStream.open(
    `${front.base}/mcp`,
    [
      'POST',
      ...Object.entries(TYPES).map(([name, value]) => `${name}: ${value}`),
      `MCP-Protocol-Version:\t ${VERSION} \t`,
      'Mcp-Method:tools/call\t',
      'Mcp-Name:   echo   ',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ],
    body,
  );
  await eventually('an answer', () => stream.seen.includes('"result"'));
  expect(stream.seen).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  stream.close();
});
