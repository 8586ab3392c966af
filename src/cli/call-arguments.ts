/** Arguments of a tool as they are typed: `name=value`, made to what the tool's schema asks for. */
import { BerthError } from '../errors.ts';
import { parseExact } from '../exact-json.ts';
import type { JsonSchema } from './call-client.ts';

/** `name=value` words as an object. Throws `bad-input`. */
export function toArguments(words: readonly string[], schema: JsonSchema = {}): Record<string, unknown> {
  const entries = words.map((word): [string, unknown] => {
    const [name, text] = splitWord(word);
    return [name, coerce(name, text, schema.properties?.[name])];
  });
  return Object.fromEntries(entries);
}

/** `name=value` words as texts, for prompts. */
export function toTexts(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map(splitWord));
}

/** A whole JSON object, as `--json` gives it. Throws `bad-input`. */
export function parseObject(text: string): Record<string, unknown> {
  try {
    const value = parseExact(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (cause) {
    throw new BerthError('bad-input', 'the arguments are no JSON', { cause, hint: hintOf('--json') });
  }
  throw new BerthError('bad-input', 'the arguments must be a JSON object', { hint: hintOf('--json') });
}

/** Text as a value of a schema's type; text for what has none. Throws `bad-input`. */
export function coerce(name: string, text: string, schema: JsonSchema | undefined): unknown {
  const types = [schema?.type ?? []].flat();
  if (types.includes('string') || types.length === 0)
    return types.length === 0 && schema ? asJson(text) : text;
  const value = asJson(text);
  if (types.some((type) => isOf(value, type))) return value;
  throw new BerthError('bad-input', `${name} must be ${types.join(' or ')}, not ${JSON.stringify(text)}`);
}

function splitWord(word: string): [string, string] {
  const at = word.indexOf('=');
  if (at < 1)
    throw new BerthError('bad-input', `${JSON.stringify(word)} is no argument`, {
      hint: hintOf('name=value'),
    });
  return [word.slice(0, at), word.slice(at + 1)];
}

function hintOf(what: '--json' | 'name=value'): string {
  return what === '--json'
    ? `Give one object: --json '{"name": "value"}', --json @file or --json - for standard input.`
    : `Arguments are name=value, or all at once as --json '{…}'.`;
}

/** What a schema that allows several things is given: JSON where the text is some, else the text. */
function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value);
    case 'number':
    case 'boolean':
      return typeof value === type;
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return false;
  }
}
