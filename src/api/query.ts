/** Query parameters, checked: an unknown value is an error, never a default. */
import { z } from '@hono/zod-openapi';
import type { HonoRequest } from 'hono';
import { BerthError } from '../errors.ts';

type Description = string;

/** True for `true` and `1`, false for `false`, `0` and absence. */
export function flag(description: Description) {
  return z
    .enum(['true', 'false', '1', '0'], 'must be true or false')
    .optional()
    .transform((text) => text === 'true' || text === '1')
    .openapi({ type: 'boolean', default: false, description });
}

/** A whole number from 0 to `max`. */
export function count(description: Description, { fallback, max }: { fallback: number; max: number }) {
  return z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined) return fallback;
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= 0 && value <= max) return value;
      context.addIssue({ code: 'custom', message: `must be a number from 0 to ${max}` });
      return z.NEVER;
    })
    .openapi({ type: 'integer', minimum: 0, maximum: max, default: fallback, description });
}

/** One of the words, or undefined. */
export function word<const T extends readonly [string, ...string[]]>(description: Description, words: T) {
  return z
    .enum(words, `must be one of ${words.join(', ')}`)
    .optional()
    .openapi({ description });
}

/** Any text, or undefined. */
export function text(description: Description) {
  return z.string().optional().openapi({ description });
}

/** A parameter that may be given several times; undefined when it is not given. */
export function texts(description: Description) {
  return z
    .union([z.string(), z.array(z.string())])
    .optional()
    .transform((given) => (typeof given === 'string' ? [given] : given))
    .openapi({ type: 'array', items: { type: 'string' }, description });
}

/** Some of the words: the parameter may be given several times; none when it is not given. */
export function words<const T extends readonly [string, ...string[]]>(description: Description, known: T) {
  const one = z.enum(known, `must be one of ${known.join(', ')}`);
  return z
    .preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(one).optional())
    .transform((given): readonly T[number][] => given ?? [])
    .openapi({ type: 'array', items: { type: 'string', enum: [...known] }, description });
}

const LONGEST_WAIT = 3_600;

/** `?wait=ready` of what starts a server, and how long: `timeout` in seconds, 0 for as long as a start may take. */
export const WAIT = {
  wait: word('Answer when the server runs, or with the failure of its start.', ['ready']),
  timeout: count(
    'With wait: seconds after which it is answered that the server is not ready yet; what was begun goes on. 0: as long as a start may take.',
    { fallback: 0, max: LONGEST_WAIT },
  ),
};
/** `?force=true` of what ends processes. */
export const FORCE = { force: flag('Give sessions and processes no time to end by themselves.') };

/** Which part of a list is wanted. */
export const PAGE = {
  limit: count('Entries of one page.', { fallback: 100, max: 1_000 }),
  offset: count('Entries to leave out at the beginning.', { fallback: 0, max: 100_000 }),
};

/** The part of a list that {@link PAGE} asks for. */
export function pageOf<T>(all: readonly T[], { limit, offset }: { limit: number; offset: number }): T[] {
  return all.slice(offset, offset + limit);
}

/** Where a page of a list by name begins. */
export const CURSOR = { cursor: text('Where the page begins: `next` of the one before.') };

/** A page of a list that is in order of names: after the cursor, so that what comes and goes moves nothing. Throws `bad-input`. */
export function pageByName<T extends { readonly name: string }>(
  all: readonly T[],
  { cursor, ...wanted }: { cursor?: string | undefined; limit: number; offset: number },
): { readonly page: T[]; readonly next?: string } {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const rest = after === undefined ? all : all.filter(({ name }) => name > after);
  const page = pageOf(rest, wanted);
  const last = page.at(-1);
  if (last === undefined || last === rest.at(-1)) return { page };
  return { page, next: Buffer.from(`${CURSOR_FORM}${last.name}`).toString('base64url') };
}

/** So that a cursor of another form can be told from this one. */
const CURSOR_FORM = '1:';

function readCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (text.startsWith(CURSOR_FORM)) return text.slice(CURSOR_FORM.length);
  throw queryFault('cursor', 'is not one of this list');
}

/** Reads the parameters of a schema; others are left alone. Throws `bad-input`. */
export function readQuery<T extends z.ZodRawShape>(
  request: HonoRequest,
  schema: z.ZodObject<T>,
): z.output<z.ZodObject<T>> {
  const raw: Record<string, string | readonly string[]> = {};
  for (const name of Object.keys(schema.shape)) {
    const [first, ...more] = request.queries(name) ?? [];
    if (first !== undefined) raw[name] = more.length > 0 ? [first, ...more] : first;
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const name = String(issue?.path[0] ?? '');
  throw queryFault(name, Array.isArray(raw[name]) ? 'may be given once only' : (issue?.message ?? ''));
}

/** What a wrong query parameter is refused with. */
export function queryFault(name: string, detail: string): BerthError {
  return new BerthError('bad-input', `query parameter ${name} ${detail}`, {
    fields: [{ pointer: `?${name}`, detail }],
  });
}
