/** Numbers that only pass through keep every digit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExact, plainNumber } from '../src/exact-json.ts';

describe('JSON that is only passed on', () => {
  it.each([
    '9007199254740993',
    '-12345678901234567890',
    '{"a":[1,18446744073709551615,{"b":0.12345678901234567890}]}',
    '[1e400,-1e400,1e-400]',
    '123456789.123456789012',
  ])('%s comes out as it went in', (text) => {
    expect(JSON.stringify(parseExact(text))).toBe(text);
  });

  it.each(['1', '-0.5', '1e3', '9007199254740991', '[0.1,2,3.25]', '1234567890.12345'])(
    '%s is a number like any other',
    (text) => {
      expect(parseExact(text)).toEqual(JSON.parse(text));
    },
  );

  it('is the same value as without it, where nothing would be lost', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseExact(text))).toBe(text);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('keeps whole numbers of any length', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(JSON.stringify(parseExact(`[${value}]`))).toBe(`[${value}]`);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('is a number of another kind for other formats', () => {
    expect(plainNumber(parseExact('9007199254740993'))).toBe(9007199254740993n);
    expect(plainNumber('x')).toBe('x');
  });

  it('is no way around what is wrong', () => {
    expect(() => parseExact('[12345678901234567890')).toThrow(SyntaxError);
    const refuse = (key: string, value: unknown): unknown => {
      if (key === '__proto__') throw new Error('no');
      return value;
    };
    expect(() => parseExact('{"__proto__":12345678901234567890}', refuse)).toThrow('no');
  });
});
