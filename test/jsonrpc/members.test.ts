/** Members and elements by their places: the same that a parse finds, and removed without a trace. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../src/jsonrpc/edit.ts';
import { elementsOf, insertMembers, membersOf, removeMembers } from '../../src/jsonrpc/members.ts';
import { object, rawMembers, rawValue } from '../support/raw-json.ts';

describe('the members of an object', () => {
  it('are those that a parse finds, each with its own text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), rawValue), { maxLength: 5 }),
        (members) => {
          const text = `{${members.map(([name, value]) => `${JSON.stringify(name)} : ${value}`).join(' , ')}}`;
          const bytes = Buffer.from(text);
          const found = membersOf(bytes, 0);
          expect(found.map(({ name }) => name)).toEqual(members.map(([name]) => name));
          expect(found.map(({ valueStart, end }) => bytes.toString('utf8', valueStart, end))).toEqual(
            members.map(([, value]) => Buffer.from(value).toString('utf8')),
          );
        },
      ),
    );
  });

  it('removed in any choice leave the others as they were', () => {
    const choice = rawMembers.chain((members) =>
      fc.tuple(
        fc.constant(members),
        fc.array(fc.boolean(), { minLength: members.length, maxLength: members.length }),
      ),
    );
    fc.assert(
      fc.property(choice, ([members, removed]) => {
        const bytes = Buffer.from(object(members));
        const edits = removeMembers(membersOf(bytes, 0), (_, at) => removed[at] === true);
        const left = Buffer.concat(applyEdits(bytes, edits)).toString('utf8');
        expect(left).toBe(object(members.filter((_, at) => !removed[at])));
      }),
    );
  });

  it('inserted stand first', () => {
    fc.assert(
      fc.property(rawMembers, (members) => {
        const bytes = Buffer.from(object(members));
        const put = insertMembers(0, '"new":1', members.length === 0);
        expect(Buffer.concat(applyEdits(bytes, [put])).toString('utf8')).toBe(
          object(['"new":1', ...members]),
        );
      }),
    );
  });

  it.each(['[1]', '1', '"{}"', 'null', '{}'])('of %s are none', (text) => {
    expect(membersOf(Buffer.from(text), 0)).toEqual([]);
  });
});

describe('the elements of an array', () => {
  it('are those that a parse finds', () => {
    fc.assert(
      fc.property(fc.array(rawValue, { maxLength: 5 }), (values) => {
        const bytes = Buffer.from(`[ ${values.join(' , ')} ]`);
        const texts = elementsOf(bytes, 0).map(({ start, end }) => bytes.toString('utf8', start, end));
        expect(texts).toEqual(values.map((value) => Buffer.from(value).toString('utf8')));
      }),
    );
  });

  it.each(['{"a":1}', '1', '[]'])('of %s are none', (text) => {
    expect(elementsOf(Buffer.from(text), 0)).toEqual([]);
  });
});
