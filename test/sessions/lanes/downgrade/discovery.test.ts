/** The answer to `server/discover` as the answer to `initialize`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../../../src/jsonrpc/edit.ts';
import { scanMessage } from '../../../../src/jsonrpc/envelope.ts';
import { initializeEdits, readOffered } from '../../../../src/sessions/lanes/downgrade/discovery.ts';
import { type ObjectResult, readResult } from '../../../../src/sessions/lanes/downgrade/result.ts';
import { object, rawMembers, shuffled } from '../../../support/raw-json.ts';

const ANSWER = { revision: '2025-06-18', sessionless: false, serverName: 'files' };
const UNNAMED = '"protocolVersion":"2025-06-18","serverInfo":{"name":"files","version":"unknown"}';
const INFO = '{ "name":"\\u0061","version":"1","n":1.0 }';

function read(result: string): ObjectResult {
  const line = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  const { envelope } = scanMessage(line);
  const found = envelope && readResult(line, envelope);
  if (!found) throw new Error(`no result: ${result}`);
  return found;
}

function initialized(text: string, answer = ANSWER): string {
  const result = read(text);
  const edited = Buffer.concat(applyEdits(result.line, initializeEdits(result, answer))).toString('utf8');
  return edited.slice('{"jsonrpc":"2.0","id":1,"result":'.length, -1);
}

describe('the answer', () => {
  it('has what the legacy era wants first, and what nobody here knows byte for byte', () => {
    const modern = [
      '"resultType":"complete"',
      '"supportedVersions":["2026-07-28"]',
      '"ttlMs":1.0',
      '"cacheScope":"public"',
    ];
    const capabilities = ['"tasks":{}', '"extensions":{"a":1.0}', '"logging":{}'];
    const results = fc
      .tuple(rawMembers, fc.subarray(modern), rawMembers, fc.subarray(capabilities))
      .chain(([others, some, vendor, known]) =>
        fc.tuple(
          shuffled(others, some, ['capabilities', '"instructions":"\\u0061"']),
          shuffled(vendor, known),
        ),
      );
    fc.assert(
      fc.property(results, ([members, offered]) => {
        const text = (all: readonly string[], capabilities: readonly string[]): string[] =>
          all.map((member) =>
            member === 'capabilities' ? `"capabilities":${object(capabilities)}` : member,
          );
        const kept = offered.filter((member) => !/^"(tasks|extensions)"/.test(member));
        const left = members.filter((member) => !modern.includes(member));
        expect(initialized(object(text(members, offered)))).toBe(object([UNNAMED, ...text(left, kept)]));
      }),
    );
  });

  it.each([
    ['in _meta', `{"_meta":{"io.modelcontextprotocol/serverInfo":${INFO}},"capabilities":{}}`, ''],
    [
      'beside others in _meta',
      `{"_meta":{"a":1.0,"io.modelcontextprotocol/serverInfo":${INFO}},"capabilities":{}}`,
      '"_meta":{"a":1.0},',
    ],
    ['as older drafts do', `{"serverInfo":${INFO},"capabilities":{}}`, ''],
  ])('names a server that says its name %s in its own bytes', (_where, text, meta) => {
    expect(initialized(text)).toBe(
      `{"protocolVersion":"2025-06-18","serverInfo":${INFO},${meta}"capabilities":{}}`,
    );
  });

  it.each(['{"name":"a"}', '5', '{"name":1,"version":"1"}'])('does not take %s for a name', (info) => {
    const text = `{"_meta":{"io.modelcontextprotocol/serverInfo":${info}},"capabilities":{}}`;
    expect(initialized(text)).toBe(`{${UNNAMED},"capabilities":{}}`);
  });

  it.each(['{}', '{"resultType":"complete"}', '{"capabilities":null}', '{"capabilities":[1]}'])(
    'of %s offers nothing',
    (text) => {
      expect(initialized(text)).toBe(`{${UNNAMED},"capabilities":{}}`);
    },
  );

  it('for clients without a session offers nothing that needs one', () => {
    const capabilities =
      '{"logging":{},"tools":{"listChanged":true,"n":1.0},"resources":{"subscribe":true,"listChanged":true},"prompts":5,"completions":{}}';
    expect(initialized(`{"capabilities":${capabilities}}`, { ...ANSWER, sessionless: true })).toBe(
      `{${UNNAMED},"capabilities":{"tools":{"n":1.0},"resources":{},"prompts":5,"completions":{}}}`,
    );
  });
});

describe('what a server offers', () => {
  const NOTHING = { tools: false, prompts: false, resources: false, subscribe: false, logging: false };

  it.each([
    ['{}', {}],
    ['{"capabilities":5}', {}],
    ['{"capabilities":{"tools":{},"resources":{"subscribe":false}}}', {}],
    ['{"capabilities":{"tools":{"listChanged":true},"logging":{}}}', { tools: true, logging: true }],
    ['{"capabilities":{"prompts":{"listChanged":true},"tools":{"listChanged":1}}}', { prompts: true }],
    [
      '{"capabilities":{"resources":{"listChanged":true,"subscribe":true}}}',
      { resources: true, subscribe: true },
    ],
  ])('is read of %s', (text, expected) => {
    expect(readOffered(read(text))).toEqual({ ...NOTHING, ...expected });
  });
});
