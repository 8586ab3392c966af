/** Members of a scanned message: found where `JSON.parse` finds them, taken out and put in without a parse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits, inOrder } from '../../src/jsonrpc/edit.ts';
import {
  elementsOf,
  insertMembers,
  isEmptyAt,
  memberNamed,
  membersOf,
  removeMembers,
  stringAt,
} from '../../src/jsonrpc/members.ts';

/** JSON text of a value, with white space between its tokens or not. */
const spaced = fc.tuple(
  fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
  fc.constantFrom(undefined, 1, '\t'),
);

function edited(bytes: Buffer, ...edits: Parameters<typeof inOrder>): string {
  return Buffer.concat(applyEdits(bytes, inOrder(...edits))).toString('utf8');
}

describe('the members of an object', () => {
  it('are those that a parse finds, in their order', () => {
    fc.assert(
      fc.property(spaced, ([value, space]) => {
        const bytes = Buffer.from(JSON.stringify(value, undefined, space));
        const found = membersOf(bytes, 0).map(({ name, valueStart, end }) => [
          name,
          JSON.parse(bytes.toString('utf8', valueStart, end)),
        ]);
        const text = JSON.stringify(value);
        expect(found).toEqual(Object.entries(JSON.parse(text)));
        expect(isEmptyAt(bytes, 0)).toBe(found.length === 0);
      }),
    );
  });

  it('go and come without a trace on the others', () => {
    fc.assert(
      fc.property(spaced, fc.func(fc.boolean()), ([value, space], isRemoved) => {
        const bytes = Buffer.from(JSON.stringify(value, undefined, space));
        const members = membersOf(bytes, 0);
        const goes = ({ name }: { readonly name: string }): boolean => isRemoved(name);
        const added = insertMembers(0, '"+":1.0', members.every(goes));
        const left = Object.entries(JSON.parse(JSON.stringify(value))).filter(([name]) => !isRemoved(name));
        const text = edited(bytes, [...removeMembers(members, goes), added]);
        expect(membersOf(Buffer.from(text), 0).map(({ name }) => name)).toEqual([
          '+',
          ...left.map(([name]) => name),
        ]);
        expect(JSON.parse(text)).toEqual({ '+': 1, ...Object.fromEntries(left) });
      }),
    );
  });

  it('of one name are the last of it, as for a parse', () => {
    const bytes = Buffer.from('{"a":1,"\\u0061":"x","b":2}');
    const last = memberNamed(membersOf(bytes, 0), 'a');
    expect(last && stringAt(bytes, last.valueStart)).toBe('x');
    expect(memberNamed(membersOf(bytes, 0), 'c')).toBeUndefined();
  });
});

it('the elements of an array are those that a parse finds', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 2), (value, space) => {
      const bytes = Buffer.from(JSON.stringify(value, undefined, space));
      const found = elementsOf(bytes, 0).map(({ start, end }) =>
        JSON.parse(bytes.toString('utf8', start, end)),
      );
      expect(found).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

it('a string is decoded, and nothing else is one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(stringAt(Buffer.from(`${JSON.stringify(text)} ,"x"`), 0)).toBe(text);
    }),
  );
  for (const text of ['1', 'null', '{"a":"b"}', '["a"]'])
    expect(stringAt(Buffer.from(text), 0)).toBeUndefined();
});

it('edits of several hands are put in order: what is inserted stands before what is taken out from there on', () => {
  const bytes = Buffer.from('abcdef');
  const edits = [
    { start: 4, end: 5, text: 'E' },
    { start: 1, end: 3, text: '' },
    { start: 1, end: 1, text: '+' },
  ];
  expect(edited(bytes, edits)).toBe('a+dEf');
});
