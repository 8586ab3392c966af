import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue } from '../../src/jsonrpc/header-value.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc.string().map((text) => `=?base64?${text}?=`),
  fc.constantFrom('', ' ', ' a', 'a ', 'a b', '\t', 'ä', '\uFEFF', '=?base64?=', '=?base64??=', 'a\r\nb'),
);

describe('a text as a header value', () => {
  it('comes back whatever it is, and is plain ASCII without outer blanks', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const value = encodeHeaderValue(text);
        expect(value).toMatch(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/);
        expect(decodeHeaderValue(value)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    'my-hyphenated-tool',
    'file:///path/to/file%20name.txt',
    'two words',
    '42',
    '=?BASE64?SGk=?=',
    'SGVsbG8=',
    '=?base64?SGVsbG8=',
  ])('stays as it is where it can: %j', (text) => {
    expect([encodeHeaderValue(text), decodeHeaderValue(text)]).toEqual([text, text]);
  });

  it.each([
    ['', '=?base64??='],
    ['a\tb', '=?base64?YQli?='],
    ['line1\r\nline2', '=?base64?bGluZTENCmxpbmUy?='],
    ['Grüße', '=?base64?R3LDvMOfZQ==?='],
    [' outer', '=?base64?IG91dGVy?='],
    ['=?base64?SGVsbG8=?=', '=?base64?PT9iYXNlNjQ/U0dWc2JHOD0/PQ==?='],
  ])('is marked and in base64 otherwise: %j', (text, value) => {
    expect([encodeHeaderValue(text), decodeHeaderValue(value)]).toEqual([value, text]);
  });

  it.each([
    ['without its padding', '=?base64?SGVsbG8?='],
    ['with characters of no alphabet', '=?base64?SGVs!!!bG8=?='],
    ['with blanks', '=?base64?SGVs bG8=?='],
    ['in the alphabet of URLs', '=?base64?_-8=?='],
    ['with too much padding', '=?base64?SGVsbG8==?='],
    ['with bits behind its end', '=?base64?SGVsbG9=?='],
    ['of no UTF-8', '=?base64?/w==?='],
    ['of a surrogate', '=?base64?7aCA?='],
  ])('is nothing %s', (_what, value) => {
    expect(decodeHeaderValue(value)).toBeUndefined();
  });

  it('is nothing where the header is empty', () => {
    expect(decodeHeaderValue('')).toBe('');
  });

  it.each(['=?BASE64?SGVsbG8=?=', '=?base64?SGVsbG8=?', '?base64?SGVsbG8=?=', '=?base64?='])(
    'is what it says where the marker is not exact: %j',
    (value) => {
      expect(decodeHeaderValue(value)).toBe(value);
    },
  );
});
