/** Ids as JSON-RPC means them: compared by decoded type and exact value, passed on byte for byte. */

/**
 * A comparable key of the id whose raw JSON text is given: `1`, `1.0` and `10e-1` have one key, `"1"` has another.
 * (data-path.md 2.2; a JavaScript number could not tell 2^53 from 2^53+1.)
 */
export function idKey(raw: string): string {
  if (raw.charCodeAt(0) === 0x22) return raw.includes('\\') ? `"${JSON.parse(raw) as string}"` : raw;
  return isPlainInteger(raw) ? raw : canonicalNumber(raw);
}

function isPlainInteger(raw: string): boolean {
  const first = raw.charCodeAt(0);
  if (first < 0x31 || first > 0x39) return raw === '0';
  for (let i = 1; i < raw.length; i++) {
    const c = raw.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return true;
}

/** Digits of an exponent that is reckoned with; a number with a longer one is equal only to itself. */
const MOST_POWER = 32;

/** `[-]digits` with an exponent only where the value is no integer or ends in zeros beyond its digits. */
function canonicalNumber(raw: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(raw);
  if (!match || (match[4] ?? '').length > MOST_POWER) return raw;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  let digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  let exponent = BigInt(power) - BigInt(fraction.length);
  const trimmed = withoutZeros(digits);
  exponent += BigInt(digits.length - trimmed.length);
  digits = trimmed;
  // Small integers get the same text as when they are written plainly.
  if (exponent >= 0n && exponent < 32n) return sign + digits + '0'.repeat(Number(exponent));
  return `${sign}${digits}e${exponent}`;
}

/** Without the zeros at its end. A pattern would look at a run of zeros once for each of them. */
function withoutZeros(digits: string): string {
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 0x30) end--;
  return digits.slice(0, end);
}

/** The plain non-negative integer in `bytes[start, end)`; -1 for anything else (ids of ours are nothing else). */
export function integerAt(bytes: Buffer, start: number, end: number): number {
  if (end - start > 15) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
