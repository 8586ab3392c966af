/** Results, errors and notifications in the form of the legacy era. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits, type Edit } from '../../../../src/jsonrpc/edit.ts';
import { scanMessage } from '../../../../src/jsonrpc/envelope.ts';
import { readErrorEdits } from '../../../../src/sessions/lanes/downgrade/error.ts';
import { plainNotification } from '../../../../src/sessions/lanes/downgrade/notification.ts';
import {
  ENVELOPE_KEYS,
  type ObjectResult,
  readResult,
  resultType,
  stripEdits,
} from '../../../../src/sessions/lanes/downgrade/result.ts';
import { object, rawMembers, shuffled } from '../../../support/raw-json.ts';
import { message } from '../../harness.ts';

const MODERN = ['"resultType":"complete"', '"ttlMs":1.0', '"cacheScope":"public"'];
const KEYS = [...ENVELOPE_KEYS].map((name) => `"${name}":{"a":[1e400]}`);

function answer(result: string): string {
  return `{"jsonrpc":"2.0","id":1,"result":${result},"x":1.0}`;
}

function read(text: string): ObjectResult {
  const line = Buffer.from(text);
  const { envelope } = scanMessage(line);
  const result = envelope && readResult(line, envelope);
  if (!result) throw new Error(`no result: ${text}`);
  return result;
}

function edited(text: string, edits: readonly Edit[]): string {
  return Buffer.concat(applyEdits(Buffer.from(text), edits)).toString('utf8');
}

describe('a result', () => {
  const results = fc
    .tuple(rawMembers, fc.subarray(MODERN), fc.option(rawMembers), fc.subarray(KEYS))
    .chain(([others, modern, meta, keys]) =>
      fc.tuple(shuffled(others, modern, meta ? ['_meta'] : []), shuffled(meta ?? [], meta ? keys : [])),
    );

  it('loses what only the modern era has and keeps the rest byte for byte', () => {
    fc.assert(
      fc.property(results, ([members, meta]) => {
        const text = answer(
          object(members.map((member) => (member === '_meta' ? `"_meta":${object(meta)}` : member))),
        );
        const kept = meta.filter((member) => !KEYS.includes(member));
        const left = members
          .filter((member) => !MODERN.includes(member))
          .filter((member) => member !== '_meta' || kept.length > 0 || meta.length === 0)
          .map((member) => (member === '_meta' ? `"_meta":${object(kept)}` : member));
        expect(edited(text, stripEdits('tools/list', read(text)))).toBe(answer(object(left)));
      }),
    );
  });

  it('of a method without caching hints keeps what is named like them', () => {
    const text = answer('{"ttlMs":1.0,"cacheScope":{},"content":[]}');
    expect(stripEdits('tools/call', read(text))).toEqual([]);
  });

  it.each([
    ['{}', 'complete'],
    ['{"resultType":"input_required"}', 'input_required'],
    ['{"resultType":"a","resultType":"\\u0062"}', 'b'],
    ['{"resultType":null}', 'null'],
    ['{"resultType":{"a":1}}', '{"a":1}'],
  ])('%s is of the type %s', (text, type) => {
    expect(resultType(read(answer(text)))).toBe(type);
  });

  it.each(['5', 'null', '[]', '"x"'])('%s is no object', (text) => {
    const line = Buffer.from(answer(text));
    const { envelope } = scanMessage(line);
    expect(envelope && readResult(line, envelope)).toBeUndefined();
  });
});

describe('an error', () => {
  const error = (code: string, data: string): string =>
    ` {"jsonrpc":"2.0","error":{"code":${code},"message":"m","data":${data},"n":1.0},"id":1}`;

  it('that names the resource that was to be read says that it is not there', () => {
    const text = error('-32602', '{"uri":"a:\\u0062","n":1e400}');
    expect(edited(text, readErrorEdits(Buffer.from(text), 'a:b'))).toBe(text.replace('-32602', '-32002'));
  });

  it.each([
    ['-32602', '{"uri":"a:c"}'],
    ['-32602', '{"uri":5}'],
    ['-32602', '"a:b"'],
    ['-32603', '{"uri":"a:b"}'],
    ['"-32602"', '{"uri":"a:b"}'],
  ])('with the code %s and the data %s stays as it is', (code, data) => {
    expect(readErrorEdits(Buffer.from(error(code, data)), 'a:b')).toEqual([]);
  });

  it.each(['5', 'null', '{}'])('that is %s stays as it is', (value) => {
    const line = Buffer.from(`{"jsonrpc":"2.0","id":1,"error":${value}}`);
    expect(readErrorEdits(line, 'a:b')).toEqual([]);
  });
});

describe('a notification', () => {
  it('loses the name of its subscription and keeps the rest byte for byte', () => {
    const notifications = fc
      .tuple(rawMembers, rawMembers, fc.subarray(KEYS))
      .chain(([others, meta, keys]) => fc.tuple(shuffled(others, ['_meta']), shuffled(meta, keys)));
    fc.assert(
      fc.property(notifications, ([members, meta]) => {
        const text = (params: readonly string[], inMeta: readonly string[]): string =>
          `{"jsonrpc":"2.0","method":"m","params":${object(
            params.map((member) => (member === '_meta' ? `"_meta":${object(inMeta)}` : member)),
          )}}`;
        const kept = meta.filter((member) => !KEYS.includes(member));
        const left = members.filter((member) => member !== '_meta' || kept.length > 0 || meta.length === 0);
        const plain = plainNotification(message(text(members, meta)));
        expect(Buffer.concat(plain).toString('utf8')).toBe(text(left, kept));
      }),
    );
  });

  it('without _meta is not copied', () => {
    const given = message('{"jsonrpc":"2.0","method":"m"}');
    expect(plainNotification(given)[0]).toBe(given.bytes);
  });
});
