/** The shape of a written log line: one JSON object or one line of text, with nothing in it that a terminal would obey. */

/** DEL, the C1 controls, line separators and direction overrides: legal inside JSON, harmful on a screen. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** The numbers of levels in a line. */
export const LEVELS: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const HIDDEN_IN_TEXT: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'err']);

/** Escapes what JSON leaves as it is; the result is the same JSON. */
export function escapeUnsafe(json: string): string {
  return json.replace(UNSAFE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One entry, given as JSON, as `12:00:01.123 info  message key=value`; what redaction has made unreadable stays as it is. */
export function toTextLine(json: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(json);
  } catch {
    return json;
  }
  const time = typeof entry.time === 'string' ? entry.time.slice(11, 23) : '';
  const level = (LEVELS[String(entry.level)] ?? String(entry.level)).padEnd(5);
  const fields = Object.entries(entry)
    .filter(([name]) => !HIDDEN_IN_TEXT.has(name))
    .map(([name, value]) => ` ${toPlain(name)}=${toPlain(value)}`);
  return `${time} ${level} ${quoteInside(String(entry.msg ?? ''))}${fields.join('')}${errorText(entry.err)}\n`;
}

function toPlain(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+-]+$/.test(value)) return value;
  return escapeUnsafe(JSON.stringify(value) ?? 'undefined');
}

/** Escaped like a JSON string, with quotes left readable. */
function quoteInside(text: string): string {
  return escapeUnsafe(JSON.stringify(text)).slice(1, -1).replaceAll('\\"', '"');
}

function errorText(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { message, stack } = err as { message?: unknown; stack?: unknown };
  return ` err=${toPlain(String(stack ?? message ?? ''))}`;
}
