/** Long strings are passed over four bytes at a time. */

/** Bytes of a string that are looked at one by one before the word loop is worth its view. */
export const SHORT_RUN = 64;
const LONG_RUN = 256;

const ONES = 0x01010101;
const HIGH = 0x80808080 | 0;
const SPACES = 0x20202020;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;

/**
 * The first index from `from` whose four bytes may hold a quote, a backslash or a control character; at most `to`. Bytes from
 * there on are the caller's to look at one by one.
 */
export function skipPlainRun(buf: Buffer, from: number, to: number): number {
  if (to - from < LONG_RUN) return from;
  let i = from;
  // A word view must begin at a multiple of four of the memory behind the buffer.
  while (((buf.byteOffset + i) & 3) !== 0) {
    const c = buf[i] as number;
    if (c === 0x22 || c === 0x5c || c < 0x20 || i >= to) return i;
    i++;
  }
  const words = new Int32Array(buf.buffer, buf.byteOffset + i, (to - i) >> 2);
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] as number;
    const quote = word ^ QUOTES;
    const backslash = word ^ BACKSLASHES;
    // The known trick: a byte below n borrows from its high bit when n is taken away from every byte.
    const stop = ((word - SPACES) & ~word) | ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash);
    if ((stop & HIGH) !== 0) break;
  }
  return i + at * 4;
}
