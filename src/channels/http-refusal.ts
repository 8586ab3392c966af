/** What a response that is no success means: a session that is gone, an error of the server's own, or neither. */
import { applyEdits } from '../jsonrpc/edit.ts';
import { scanServerMessage } from '../jsonrpc/envelope.ts';
import type { Refusal } from './http-traffic.ts';
import { isObject, type JsonObject } from './json-exact.ts';

/** A header does not say what the body says (revision 2026-07-28). */
const HEADER_MISMATCH = -32020;
const METHOD_NOT_FOUND = -32601;
/** Statuses that say no for good; others may pass. */
const FINAL: ReadonlySet<number> = new Set([400, 404, 405, 406, 409, 410, 415, 422]);

/**
 * The server no longer knows the session: nothing of the request was done, and another session may be opened. Servers that
 * were restarted often say so with 400 instead of 404.
 */
export function isSessionLost({ status, body }: Refusal, session: string | undefined): boolean {
  if (session === undefined) return false;
  const error = errorOf(body);
  if (status === 404) return error?.code !== METHOD_NOT_FOUND;
  return (
    status === 400 && typeof error?.message === 'string' && /session|not initialized/i.test(error.message)
  );
}

export function isHeaderMismatch({ status, body }: Refusal): boolean {
  return status === 400 && errorOf(body)?.code === HEADER_MISMATCH;
}

export function isFinal({ status }: Refusal): boolean {
  return FINAL.has(status);
}

/** The error of a body that is a JSON-RPC error, answering the request with the given raw id; undefined for any other body. */
export function errorAnswer({ status, body }: Refusal, rawId: string): Buffer | undefined {
  // What is said about credentials must be said in words that help the operator.
  if (status === 401 || status === 403) return undefined;
  const { envelope } = scanServerMessage(body);
  if (envelope?.kind === 'error')
    return Buffer.concat(applyEdits(body, [{ start: envelope.idStart, end: envelope.idEnd, text: rawId }]));
  const error = errorOf(body);
  if (!Number.isInteger(error?.code) || typeof error?.message !== 'string') return undefined;
  return Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(error)}}`);
}

function errorOf(body: Buffer): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return isObject(parsed) && isObject(parsed.error) ? parsed.error : undefined;
  } catch {
    return undefined;
  }
}
