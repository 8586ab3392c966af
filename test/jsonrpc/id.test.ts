/** Ids are compared by what they mean (data-path.md 2.2), however long a client makes them. */
import { describe, expect, it } from 'vitest';
import { idKey } from '../../src/jsonrpc/id.ts';

describe('the key of an id', () => {
  it.each([
    ['1', '1.0'],
    ['1', '10e-1'],
    ['100', '1e2'],
    ['0', '-0.000'],
    ['-12', '-1.2e1'],
    ['1e40', '10e39'],
    ['0.5', '5e-01'],
  ])('is the same for %s and %s', (a, b) => {
    expect(idKey(a)).toBe(idKey(b));
  });

  it.each([
    ['1', '"1"'],
    ['1', '-1'],
    ['9007199254740992', '9007199254740993'],
    ['1e400', '2e400'],
  ])('differs for %s and %s', (a, b) => {
    expect(idKey(a)).not.toBe(idKey(b));
  });

  // With work that grows faster than the text these would hold up every client of the gateway for hours.
  it('of four million digits is found at once', () => {
    const zeros = '0'.repeat(4_000_000);
    expect(idKey(`1.${zeros}1`)).toBe(`1${zeros}1e-4000001`);
    expect(idKey(`1.${zeros}`)).toBe('1');
  });

  it('with an exponent of millions of digits is itself', () => {
    const raw = `1e${'9'.repeat(4_000_000)}`;
    expect(idKey(raw)).toBe(raw);
  });
});
