/**
 * Entity tags: `"<version>.<digest>"`. The version changes with what is wanted of a thing, the digest with anything that an answer says.
 * So who asks again gets nothing only if nothing is new, and who changes something is not refused for a session more or less.
 */
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { BerthError } from '../errors.ts';
import type { ApiVariables } from './request-checks.ts';

const DIGEST_LENGTH = 16;

/** Headers of requests, for the document. */
export const IF_MATCH = {
  'If-Match':
    'Entity tags: 412 unless what is there is still wanted to be as one of them says; `*` for anything.',
};
export const IF_NONE_MATCH = {
  'If-None-Match': 'Entity tags: 304 when nothing has changed since one of them.',
};
/** Header of answers. */
export const ETAG = { ETag: 'Entity tag of the answer.' };

/** Answers with JSON and its tag, or with 304. */
export function taggedAnswer(
  context: Context<ApiVariables>,
  body: object,
  { version, status = 200, headers = {} }: TaggedOptions,
): Response {
  const text = JSON.stringify(body);
  const digest = createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_LENGTH);
  const tag = `"${version}.${digest}"`;
  const asked = context.req.method === 'GET' ? context.req.header('If-None-Match') : undefined;
  if (asked !== undefined && (asked.trim() === '*' || tagsOf(asked).includes(tag)))
    return context.body(null, 304, { ETag: tag });
  return context.body(text, status, { ...headers, 'Content-Type': 'application/json', ETag: tag });
}

export interface TaggedOptions {
  readonly version: string;
  readonly status?: 200 | 201 | 202;
  readonly headers?: Record<string, string>;
}

/** Whether a version is one that `If-Match` allows; undefined where nothing is asked for. */
export function matcherOf(context: Context<ApiVariables>): ((version: string) => boolean) | undefined {
  const asked = context.req.header('If-Match')?.trim();
  if (asked === undefined || asked === '*') return undefined;
  const versions = tagsOf(asked)
    .filter((tag) => tag.startsWith('"'))
    .map((tag) => tag.slice(1, Math.max(1, tag.lastIndexOf('.'))));
  return (version) => versions.includes(version);
}

/** Throws `precondition-failed`. */
export function checkMatch(context: Context<ApiVariables>, version: string): void {
  if (matcherOf(context)?.(version) === false) throw preconditionFailed();
}

/** What a change is refused with that was meant for something else. */
function preconditionFailed(): BerthError {
  return new BerthError('precondition-failed', 'it is no longer as If-Match says');
}

/** A weak tag is not the same as the strong one, because of its prefix. */
function tagsOf(header: string): string[] {
  return header.match(/(?:W\/)?"[^"]*"/g) ?? [];
}
