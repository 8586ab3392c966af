/** JSON texts that a parse and a serialisation would change: for what must pass byte for byte. */
import fc from 'fast-check';

/** Numbers that JavaScript has no equal of, or would write in another way. */
const numbers = fc.constantFrom(
  '0',
  '-0',
  '1.0',
  '9007199254740993',
  '1e400',
  '1E+2',
  '-0.10',
  '123456789012345678901',
);
const strings = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u0061\\/"', '"\\ud83d\\ude00"', '"é\\n"', '"task"', '"\\"_meta\\":{"'),
);
const space = fc.constantFrom('', '', ' ', '\t ');

/** A value as JSON text, with white space where it may stand. */
export const rawValue: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(numbers, strings, fc.constantFrom('true', 'false', 'null')),
    fc
      .tuple(fc.array(fc.tuple(space, tie('value'), space), { maxLength: 3 }), space)
      .map(([items, blank]) => `[${items.map((item) => item.join('')).join(',') || blank}]`),
    fc
      .tuple(fc.array(fc.tuple(space, strings, space, tie('value'), space), { maxLength: 3 }), space)
      .map(
        ([items, blank]) =>
          `{${items.map(([a, name, b, value, c]) => `${a}${name}:${b}${value}${c}`).join(',') || blank}}`,
      ),
  ),
})).value;

/** Members as JSON text (`"name":value`) whose names are none of those that a test means to use. */
export const rawMembers: fc.Arbitrary<string[]> = fc
  .uniqueArray(fc.tuple(fc.nat(99), rawValue), { maxLength: 4, selector: ([n]) => n })
  .map((members) => members.map(([n, value]) => `"acme/${n}":${value}`));

/** The members in some order. */
export function shuffled(...members: readonly string[][]): fc.Arbitrary<string[]> {
  const all = members.flat();
  return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
}

/** An object of the members. */
export function object(members: readonly string[]): string {
  return `{${members.join(',')}}`;
}
