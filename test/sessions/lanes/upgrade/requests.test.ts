/** A modern client's request as a legacy server takes it: the envelope goes, and nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../../../src/jsonrpc/edit.ts';
import {
  paramsIdentity,
  toLegacyCapabilities,
  toLegacyRequest,
} from '../../../../src/sessions/lanes/upgrade/requests.ts';
import { object, rawMembers, shuffled } from '../../../support/raw-json.ts';
import { message, request } from '../../harness.ts';

const ENVELOPE = [
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28"',
  '"io.modelcontextprotocol/clientCapabilities":{"roots":{}}',
  '"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}',
  '"io.modelcontextprotocol/logLevel":"info"',
];
const ROUND = ['"inputResponses":{"a":{"action":"accept"}}', '"requestState":"s"'];

/** The text of a request after the translation. */
function legacy(text: string): string {
  const one = message(text);
  const edits = [...toLegacyRequest(one).edits].sort((a, b) => a.start - b.start);
  return Buffer.concat(applyEdits(one.bytes, edits)).toString('utf8');
}

describe('a request', () => {
  it('loses its envelope and the members of a round, wherever they stand, and nothing else', () => {
    const parts = fc.record({
      meta: rawMembers.chain((kept) => fc.tuple(fc.constant(kept), shuffled(kept, ENVELOPE))),
      params: rawMembers.chain((kept) => fc.tuple(fc.constant(kept), shuffled(kept, ROUND))),
    });
    fc.assert(
      fc.property(parts, ({ meta: [keptMeta, meta], params: [kept, params] }) => {
        const text = request('1', 'tools/call', object([...params, `"_meta":${object(meta)}`]));
        const inOrder = (all: string[], some: string[]): string[] => all.filter((one) => some.includes(one));
        const expected = [...inOrder(params, kept), `"_meta":${object(inOrder(meta, keptMeta))}`];
        expect(legacy(text)).toBe(request('1', 'tools/call', object(expected)));
      }),
    );
  });

  it('without an envelope passes byte for byte', () => {
    fc.assert(
      fc.property(rawMembers, rawMembers, (params, meta) => {
        const text = request('1.0', 'tools/call', object([...params, `"_meta":${object(meta)}`]));
        expect(legacy(text)).toBe(text);
      }),
    );
  });
});

describe('two requests', () => {
  it('ask for the same when only the order of members, the envelope and the round differ', () => {
    const pair = rawMembers.chain((members) =>
      fc.tuple(shuffled(members, ROUND), shuffled(members, ['"_meta":{"acme/x":1}'])),
    );
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const [first, second] = [one, other].map((members) =>
          message(request('1', 'tools/call', object(members))),
        );
        expect(paramsIdentity(first as never)).toBe(paramsIdentity(second as never));
      }),
    );
  });

  it('do not when a value differs', () => {
    fc.assert(
      fc.property(rawMembers, fc.integer(), fc.integer(), (members, a, b) => {
        fc.pre(a !== b);
        const of = (n: number): string =>
          paramsIdentity(message(request('1', 'tools/call', object([...members, `"n":${n}`]))));
        expect(of(a)).not.toBe(of(b));
      }),
    );
  });
});

describe('capabilities', () => {
  it.each([
    ['{}', '{}'],
    ['{"sampling":{},"elicitation":{}}', '{"elicitation":{},"sampling":{}}'],
    ['{"roots":{"listChanged":true}}', '{"roots":{}}'],
    ['{"extensions":{"x":{}},"tasks":{},"experimental":{"b":1,"a":2}}', '{"experimental":{"a":2,"b":1}}'],
  ])('%s are declared as %s', (declared, expected) => {
    expect(toLegacyCapabilities(declared)).toBe(expected);
  });

  it('are the same in every order and spelling', () => {
    fc.assert(
      fc.property(
        rawMembers.chain((members) => fc.tuple(shuffled(members), shuffled(members))),
        ([a, b]) => {
          expect(toLegacyCapabilities(object(a))).toBe(toLegacyCapabilities(` ${object(b)} `));
        },
      ),
    );
  });
});
