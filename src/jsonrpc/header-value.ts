/** Texts as values of the `Mcp-Name` and `Mcp-Param-*` headers (2026-07-28, Streamable HTTP): plain where they can be, else in base64. */
import { isUtf8 } from 'node:buffer';

const PREFIX = '=?base64?';
const SUFFIX = '?=';
/** Visible ASCII, with blanks inside only. An empty value is none: what is on the way may drop its header. */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** The header value that stands for `text`. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !isMarked(text)) return text;
  return `${PREFIX}${Buffer.from(text).toString('base64')}${SUFFIX}`;
}

/** The text that a trimmed header value stands for; undefined for a marked one that is no base64 of UTF-8 in its one right spelling. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!isMarked(value)) return value;
  const base64 = value.slice(PREFIX.length, -SUFFIX.length);
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

function isMarked(value: string): boolean {
  return value.length >= PREFIX.length + SUFFIX.length && value.startsWith(PREFIX) && value.endsWith(SUFFIX);
}
