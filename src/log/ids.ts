/** Identifiers as they may stand in a log. */
import { createHash, randomUUID } from 'node:crypto';

const SHORT_HASH_LENGTH = 12;
const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** A short name for a session id or other bearer of rights: same id, same name, and no way back. */
export function hashId(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, SHORT_HASH_LENGTH);
}

/** The caller's `X-Request-ID` where it is one plain word of at most 128 characters, else a fresh one. */
export function requestIdOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : randomUUID();
}

/** Characters of a `traceparent` of version 00, the only one there is. */
const TRACE_PARENT_LENGTH = 55;
/** W3C trace context: version, trace id, parent id, flags; a version to come may have more. */
const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** The trace that a request belongs to, by its `traceparent`; undefined where there is none, or one that means nothing. */
export function traceIdOf(header: string | readonly string[] | undefined): string | undefined {
  if (typeof header !== 'string' || (header.startsWith('00') && header.length !== TRACE_PARENT_LENGTH))
    return undefined;
  return TRACE_PARENT.exec(header)?.[1];
}
