/** States and byte classes of the envelope scan. */

export const S = {
  value: 0,
  valueOrEnd: 1,
  keyOrEnd: 2,
  key: 3,
  colon: 4,
  afterValue: 5,
  string: 6,
  escape: 7,
  hex: 8,
  minus: 9,
  zero: 10,
  int: 11,
  dot: 12,
  fraction: 13,
  exponent: 14,
  exponentSign: 15,
  exponentDigits: 16,
  literal: 17,
  done: 18,
} as const;

/** By first byte: t, f, n. */
export const LITERALS = ['true', 'false', 'null'].map((text) => Buffer.from(text));

/** 1 where a byte needs a look inside a string: quote, backslash, control characters. */
export const STRING_STOP = new Uint8Array(256);
STRING_STOP.fill(1, 0, 0x20);
STRING_STOP[0x22] = 1;
STRING_STOP[0x5c] = 1;

export const IS_DIGIT = new Uint8Array(256);
IS_DIGIT.fill(1, 0x30, 0x3a);

export const IS_HEX = new Uint8Array(256);
IS_HEX.fill(1, 0x30, 0x3a);
IS_HEX.fill(1, 0x41, 0x47);
IS_HEX.fill(1, 0x61, 0x67);

export const IS_ESCAPED = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) IS_ESCAPED[byte] = 1;

/** A number may end in this state. */
export function isNumberEnd(state: number): boolean {
  return state === S.zero || state === S.int || state === S.fraction || state === S.exponentDigits;
}
