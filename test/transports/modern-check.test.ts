/** The checks of modern messages take anything: what is not taken is refused with a code of ours, never by accident. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { scanMessage } from '../../src/jsonrpc/envelope.ts';
import { checkModern } from '../../src/transports/modern/check.ts';
import { readMcpHeaders } from '../../src/transports/modern/headers.ts';
import { CAPABILITIES_KEY, headersFor, META, VERSION, VERSION_KEY } from './modern-front.ts';

const CODES = ['invalid-params', 'unknown-version', 'header-mismatch', 'unknown-method', 'invalid-request'];

const method = fc.constantFrom(
  'tools/call',
  'tasks/get',
  'resources/read',
  'ping',
  'initialize',
  'a/b',
  '__proto__',
);
const meta = fc.oneof(
  fc.jsonValue(),
  fc.constant(META),
  fc.record({
    [VERSION_KEY]: fc.oneof(fc.jsonValue(), fc.constant(VERSION)),
    [CAPABILITIES_KEY]: fc.jsonValue(),
  }),
);
const params = fc.oneof(
  fc.array(fc.jsonValue()),
  fc.record(
    { _meta: meta, name: fc.jsonValue(), uri: fc.jsonValue(), taskId: fc.jsonValue() },
    { requiredKeys: [] },
  ),
);
const rest = fc.record(
  { id: fc.oneof(fc.string(), fc.integer()), method, params },
  { requiredKeys: ['method'] },
);
const header = fc.tuple(
  fc.constantFrom('MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name', 'Mcp-Param-X', 'Mcp-', 'M'),
  fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom(VERSION, 'tools/call', '=?base64?!?=')),
);

it('whatever the message and its headers are', () => {
  fc.assert(
    fc.property(rest, fc.array(header, { maxLength: 5 }), (members, headers) => {
      const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...members }));
      const { envelope } = scanMessage(bytes);
      if (!envelope) return;
      try {
        checkModern({ bytes, envelope }, readMcpHeaders(headers.flat()));
        checkModern({ bytes, envelope });
      } catch (error) {
        expect(error).toBeInstanceOf(BerthError);
        expect(CODES).toContain((error as BerthError).code);
      }
    }),
    { numRuns: 2_000 },
  );
});

it('a whole request with the headers that belong to it is taken, whatever else its params hold', () => {
  const named = fc.constantFrom(['tools/call', 'name'], ['resources/read', 'uri'], ['tasks/get', 'taskId']);
  const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed());
  fc.assert(
    fc.property(named, text, fc.jsonValue(), ([called = '', member = ''], name, more) => {
      const given = { more, [member]: name };
      const request = { jsonrpc: '2.0', id: 1, method: called, params: { ...given, _meta: META } };
      const bytes = Buffer.from(JSON.stringify(request));
      const { envelope } = scanMessage(bytes);
      if (!envelope) throw new Error('no envelope');
      checkModern({ bytes, envelope }, readMcpHeaders(Object.entries(headersFor(called, given)).flat()));
    }),
  );
});
