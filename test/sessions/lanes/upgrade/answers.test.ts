/** A legacy server's answer as a modern client takes it: what is due is added, and nothing is lost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toModernAnswer } from '../../../../src/sessions/lanes/upgrade/answers.ts';
import { object, rawMembers, shuffled } from '../../../support/raw-json.ts';
import { message } from '../../harness.ts';

const INFO = '{"name":"s","version":"1"}';
const META = `"io.modelcontextprotocol/serverInfo":${INFO}`;

function modern(text: string, method = 'tools/call', uri?: string): string {
  const { bytes, envelope } = message(text);
  const answer = toModernAnswer(bytes, envelope, { method, serverInfo: INFO, uri });
  return Buffer.concat(answer('"id"')).toString('utf8');
}

function result(members: readonly string[]): string {
  return `{"jsonrpc":"2.0","id":7,"result":${object(members)}}`;
}

describe('a result', () => {
  it('keeps every member in its order, byte for byte, behind what is added', () => {
    const members = rawMembers.chain((all) => shuffled(all, ['"content":[]']));
    fc.assert(
      fc.property(members, (all) => {
        const expected = ['"resultType":"complete"', `"_meta":{${META}}`, ...all];
        expect(modern(result(all))).toBe(result(expected).replace('"id":7', '"id":"id"'));
      }),
    );
  });

  it('keeps its own _meta beside the name of the server', () => {
    const parts = fc
      .tuple(rawMembers, rawMembers)
      .chain(([all, meta]) =>
        fc.tuple(fc.constant(meta), shuffled(all, ['"content":[]', `"_meta":${object(meta)}`])),
      );
    fc.assert(
      fc.property(parts, ([meta, all]) => {
        const whole = all.map((one) =>
          one.startsWith('"_meta"') ? `"_meta":${object([META, ...meta])}` : one,
        );
        const expected = ['"resultType":"complete"', ...whole];
        expect(modern(result(all))).toBe(result(expected).replace('"id":7', '"id":"id"'));
      }),
    );
  });

  it.each([
    ['tools/list', '"tools":[]'],
    ['prompts/list', '"prompts":[]'],
    ['resources/list', '"resources":[]'],
    ['resources/templates/list', '"resourceTemplates":[]'],
    ['resources/read', '"contents":[]'],
  ])('of %s says that it may not be kept, unless the server says otherwise', (method, member) => {
    expect(JSON.parse(modern(result([member]), method)).result).toMatchObject({
      ttlMs: 0,
      cacheScope: 'private',
    });
    const own = result([member, '"ttlMs":5', '"cacheScope":"public"']);
    expect(JSON.parse(modern(own, method)).result).toMatchObject({ ttlMs: 5, cacheScope: 'public' });
  });

  it('of a tool has content, whatever the server forgot', () => {
    expect(JSON.parse(modern(result(['"isError":true']))).result.content).toEqual([]);
  });

  it.each(['"resultType":"odd"', '"_meta":null', '"_meta":[1]'])('with %s is put right', (member) => {
    const { resultType, _meta } = JSON.parse(modern(result([member, '"content":[]']))).result;
    expect([resultType, _meta]).toEqual(['complete', JSON.parse(`{${META}}`)]);
  });

  it('lists tools without saying how they run as tasks', () => {
    const tools =
      '"tools":[{"name":"a","execution":{"taskSupport":"required"},"x":1.0},{"execution":{},"name":"b"},{"name":"c"}]';
    expect(modern(result([tools]), 'tools/list')).toContain(
      '"tools":[{"name":"a","x":1.0},{"name":"b"},{"name":"c"}]',
    );
  });

  it.each(['null', '[]', '1', '"text"'])('that is %s is an error', (value) => {
    const answer = JSON.parse(modern(`{"jsonrpc":"2.0","id":7,"result":${value}}`));
    expect(answer).toMatchObject({ id: 'id', error: { code: -32603 } });
  });
});

describe('an error', () => {
  it('passes byte for byte but for its id', () => {
    fc.assert(
      fc.property(rawMembers, (members) => {
        const error = object(['"code":-32000', '"message":"m"', ...members]);
        const text = `{"jsonrpc":"2.0","id":7,"error":${error}}`;
        expect(modern(text)).toBe(text.replace('"id":7', '"id":"id"'));
      }),
    );
  });

  it.each([
    ['{"code":-32002,"message":"m"}', { uri: 'test://x' }],
    ['{"code":-32002,"message":"m","data":{}}', { uri: 'test://x' }],
    ['{"code":-32002,"message":"m","data":{"more":1}}', { uri: 'test://x', more: 1 }],
    ['{"code":-32002,"message":"m","data":{"uri":"own"}}', { uri: 'own' }],
    ['{"code":-32002,"message":"m","data":"text"}', 'text'],
  ])('%s for a resource has the code and the data of the modern era', (error, data) => {
    const text = `{"jsonrpc":"2.0","id":7,"error":${error}}`;
    expect(JSON.parse(modern(text, 'resources/read', 'test://x')).error).toEqual({
      code: -32602,
      message: 'm',
      data,
    });
  });
});
