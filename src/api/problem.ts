/** Errors of the API as `application/problem+json` (RFC 9457): one shape for every failure. */
import type { BerthError } from '../errors.ts';
import { errorData } from '../errors.ts';

export interface Problem {
  /** `urn:berth:error:<code>`; stable. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly hint: string;
  readonly requestId: string;
  readonly [member: string]: unknown;
}

export function toProblem(error: BerthError, requestId: string): Problem {
  const { code, status, hint } = error;
  const words = code.replace(/-/g, ' ');
  return {
    type: `urn:berth:error:${code}`,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    status,
    detail: error.message,
    ...errorData(error),
    code,
    hint,
    requestId,
  };
}

export function problemResponse(
  error: BerthError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(toProblem(error, requestId)), {
    status: error.status,
    headers: {
      ...retryAfter(error),
      ...headers,
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
    },
  });
}

/** Seconds after which a refused caller may try again. */
const RETRY_AFTER = '1';

function retryAfter({ status, code }: BerthError): Readonly<Record<string, string>> {
  return status === 429 || status === 503 || code === 'in-progress' ? { 'Retry-After': RETRY_AFTER } : {};
}
