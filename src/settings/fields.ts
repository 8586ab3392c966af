/** The kinds of value that a setting can have. Each takes what a YAML file gives and the text of a flag or a variable. */
import { z } from 'zod';

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZES = { k: 1_000, m: 1_000_000, g: 1_000_000_000, ki: 1_024, mi: 1_048_576, gi: 1_073_741_824 };
/** With the B of sizes, and without as Kubernetes writes them. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  ...SIZES,
  ...Object.fromEntries(Object.entries(SIZES).map(([unit, bytes]) => [`${unit}b`, bytes])),
};
const TRUE_WORDS: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['false', '0', 'no', 'off']);

/** Text such as `30s` or `4MiB` as a whole number; anything that does not read so is returned as it came. */
function withUnit(value: unknown, units: Readonly<Record<string, number>>): unknown {
  if (typeof value !== 'string') return value;
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]{0,3})$/.exec(value.trim().toLowerCase());
  if (!match) return value;
  if (!match[2]) return Number(match[1]);
  const factor = units[match[2]];
  return factor === undefined ? value : Math.round(Number(match[1]) * factor);
}

/** Milliseconds, given as a number or as text with ms, s, m, h or d. */
export function duration(fallback: string) {
  const expected = 'a duration such as 500ms, 30s, 15m, 2h or 1d (a bare number is milliseconds)';
  return z
    .preprocess(
      (value) => withUnit(value, DURATION_UNITS),
      z.int(expected).min(1, expected).max(2_147_483_647, `${expected}, at most 24d`),
    )
    .prefault(fallback);
}

/** As {@link duration}, of so many whole seconds at least and at most. */
export function durationWithin(fallback: string, least: number, most: number) {
  const expected = `a duration of ${least}s to ${most}s`;
  return z
    .preprocess(
      (value) => withUnit(value, DURATION_UNITS),
      z
        .int(expected)
        .min(least * 1_000, expected)
        .max(most * 1_000, expected),
    )
    .prefault(fallback);
}

/** As {@link duration}, from one second on; `off` is 0. */
export function interval(fallback: string) {
  const expected = 'a duration of at least 1s, or off';
  const read = (value: unknown): unknown =>
    value === false || String(value).trim().toLowerCase() === 'off' ? 0 : withUnit(value, DURATION_UNITS);
  return z
    .preprocess(
      read,
      z
        .int(expected)
        .max(2_147_483_647, expected)
        .refine((ms) => ms === 0 || ms >= 1_000, expected),
    )
    .prefault(fallback);
}

/** Bytes, given as a number or as text with KiB, MiB, GiB (or KB, MB, GB). */
export function bytes(fallback: string) {
  const expected = 'a size such as 65536, 64KiB, 4MiB or 2GiB';
  return z
    .preprocess((value) => withUnit(value, SIZE_UNITS), z.int(expected).min(1, expected))
    .prefault(fallback);
}

/** An amount as Kubernetes writes it, also with the B of sizes; `read` gives the whole number that it means. */
export function quantity(read: (text: string) => number | undefined, expected: string) {
  const number = (value: unknown): unknown =>
    typeof value === 'string' || typeof value === 'number'
      ? (read(
          String(value)
            .trim()
            .replace(/(?<=[A-Za-z])B$/, ''),
        ) ?? value)
      : value;
  return z.preprocess(number, z.int(expected).min(1, expected));
}

/** A whole number from `min` to `max`. */
export function integer(fallback: number, min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return z
    .preprocess((value) => withUnit(value, {}), z.int(expected).min(min, expected).max(max, expected))
    .default(fallback);
}

/** A number from 0 to 1, also as per cent. */
export function share(fallback: number) {
  const expected = 'a share from 0 to 1, such as 0.1 or 10%';
  const number = (value: unknown): unknown => {
    const match = typeof value === 'string' ? /^(\d{1,3}(?:\.\d{1,9})?)( ?%)?$/.exec(value.trim()) : null;
    return match ? Number(match[1]) / (match[2] ? 100 : 1) : value;
  };
  return z.preprocess(number, z.number(expected).min(0, expected).max(1, expected)).default(fallback);
}

/** True or false, also as `yes`/`no`, `on`/`off` or `1`/`0`. */
export function flag(fallback: boolean) {
  return z.preprocess(toBoolean, z.boolean('true or false')).default(fallback);
}

function toBoolean(value: unknown): unknown {
  const word =
    typeof value === 'string'
      ? value.trim().toLowerCase()
      : value === 0 || value === 1
        ? String(value)
        : undefined;
  if (word === undefined) return value;
  if (TRUE_WORDS.has(word)) return true;
  return FALSE_WORDS.has(word) ? false : value;
}

/** One of a few words, in any case. */
export function oneOf<const Words extends readonly [string, ...string[]]>(
  words: Words,
  fallback: Words[number],
) {
  const lower = (value: unknown): unknown => (typeof value === 'string' ? value.trim().toLowerCase() : value);
  return z.preprocess(lower, z.enum(words, `one of ${words.join(', ')}`)).prefault(fallback);
}

/** A list, given as such or as text separated by commas; empty unless set. */
export function list<Item extends z.ZodType>(item: Item, expected: string) {
  return z.preprocess(splitCommas, z.array(item, expected)).prefault([]);
}

function splitCommas(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
