/**
 * JSON whose numbers keep every digit. A number of a program has 53 bits; what others send may have more, and what is only passed on must
 * arrive as it was.
 */

/** How `JSON.parse` says what a number was written as. */
interface Written {
  readonly source?: string;
}
type Revive = (key: string, value: unknown) => unknown;

/** Newer than the types that come with the compiler. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};

/** Text without this has no number that could lose anything. */
const LONG_NUMBER = /\d[\d.]{15}|\d[eE][+-]?\d{3}/;
/** Digits that a number keeps whatever they are. */
const SAFE_DIGITS = 15;

/**
 * As `JSON.parse`, but that a number which would lose digits becomes an opaque value that `JSON.stringify` writes as it was. Throws
 * SyntaxError.
 */
export function parseExact(text: string, revive: Revive = (_, value) => value): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text, revive);
  const exact = (key: string, value: unknown, written?: Written): unknown =>
    revive(key, typeof value === 'number' ? keep(value, written?.source) : value);
  return JSON.parse(text, exact);
}

/** A kept number for writers of other formats than JSON: a whole one with all its digits. Anything else as it is. */
export function plainNumber(value: unknown): unknown {
  if (!isRawJSON(value)) return value;
  const { rawJSON: text } = value;
  return /^-?\d+$/.test(text) ? BigInt(text) : Number(text);
}

function keep(value: number, source: string | undefined): unknown {
  return source !== undefined && loses(value, source) ? rawJSON(source) : value;
}

function loses(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return true;
  const digits = source
    .replace(/[eE].*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  if (value === 0) return digits !== '';
  return digits.length > SAFE_DIGITS && String(value) !== source;
}
