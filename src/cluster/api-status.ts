/** What the API server says when it refuses: its Status object, as a {@link BerthError} that tells what to do. */
import { BerthError, type ErrorCode } from '../errors.ts';

/** The cause of every BerthError that an answer of the API server led to. */
export class ApiStatus extends Error {
  /** HTTP status. */
  readonly code: number;
  /** For example `NotFound`, `AlreadyExists`, `Expired`; empty where the server named none. */
  readonly reason: string;
  /** Milliseconds that the server asks to wait before the next attempt. */
  readonly retryAfter: number | undefined;

  constructor(code: number, status: { message: string; reason: string }, retryAfter?: number) {
    super(status.message);
    this.name = 'ApiStatus';
    this.code = code;
    this.reason = status.reason;
    this.retryAfter = retryAfter;
  }
}

export interface ApiRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The Status that led to `error`, if an answer of the API server did. */
export function apiStatusOf(error: unknown): ApiStatus | undefined {
  const cause = error instanceof BerthError ? error.details.cause : error;
  return cause instanceof ApiStatus ? cause : undefined;
}

/** Whether a moment of the past was asked for that the API server no longer has. */
export function isExpired(error: unknown): boolean {
  const status = apiStatusOf(error);
  return status?.code === 410 || status?.reason === 'Expired' || status?.reason === 'Gone';
}

/** Reads an answer that is no success; a body that is no Status object counts as its message. */
export function readApiStatus({ status, headers, body }: ApiRefusal): ApiStatus {
  return new ApiStatus(status, readBody(body, status), retryAfterOf(headers['retry-after']));
}

/** `doing` completes "cannot …": for example `create pods web-1 in demo`. */
export function refusalError(doing: string, status: ApiStatus): BerthError {
  const { code, hint } = meaningOf(status);
  const details = hint === undefined ? { cause: status } : { cause: status, hint };
  return new BerthError(code, `cannot ${doing}: ${status.message}`, details);
}

interface Meaning {
  readonly code: ErrorCode;
  readonly hint?: string | undefined;
}

/** Never a code that blames the caller: what the cluster refuses us is no fault of who asked us. */
function meaningOf(status: ApiStatus): Meaning {
  const policy = POLICY.exec(status.message)?.[0];
  if (policy !== undefined) return { code: 'cluster-refused', hint: policyHint(policy) };
  switch (status.code) {
    case 401:
      return {
        code: 'cluster-refused',
        hint: 'The cluster does not accept the credentials: look at the kubeconfig or the service account.',
      };
    case 403:
      return { code: 'cluster-refused', hint: missingRight(status.message) };
    case 404:
      return { code: 'not-found', hint: 'It has been removed from the cluster, or was never there.' };
    case 409:
      return { code: 'conflict', hint: 'Somebody else has made or changed it meanwhile: try again.' };
    case 429:
      return { code: 'busy', hint: 'The API server asks to wait: try again shortly.' };
    default:
      return status.code >= 500
        ? { code: 'busy', hint: 'The API server is not well just now: try again shortly.' }
        : { code: 'internal', hint: 'The cluster does not take this object or request as it is.' };
  }
}

const DENIED =
  /User "([^"]*)" cannot (\S+) resource "([^"]+)"(?: in API group "([^"]*)")?(?: in the namespace "([^"]+)")?/;

/** What refuses on admission says who it is, under whatever status it likes. */
const POLICY =
  /(?:ValidatingAdmissionPolicy '[^']*'|admission webhook "[^"]*")(?=.* denied (?:the )?request)/s;

function policyHint(policy: string): string {
  return `The ${policy} of the cluster forbids it: do what its message says, or ask who runs the cluster to change it.`;
}

/** RBAC says in prose what is missing; anything else (Pod Security, a quota) speaks for itself. */
function missingRight(message: string): string | undefined {
  const found = DENIED.exec(message);
  if (!found) return undefined;
  const [, user, verb, resource, group = '', namespace] = found;
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  return `Grant ${user} ${where}: apiGroups ["${group}"], resources ["${resource}"], verbs ["${verb}"].`;
}

/** Text of an answer that is worth showing. */
const MOST_TEXT = 1_000;

function readBody(body: string, code: number): { message: string; reason: string } {
  const parsed = parseObject(body);
  const message = typeof parsed?.message === 'string' ? parsed.message : body.trim();
  return {
    message: message.slice(0, MOST_TEXT) || `the API server answered with HTTP status ${code}`,
    reason: typeof parsed?.reason === 'string' ? parsed.reason : '',
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Only seconds: the API server never sends a date. */
function retryAfterOf(header: string | string[] | undefined): number | undefined {
  const seconds = Number(Array.isArray(header) ? header[0] : (header ?? Number.NaN));
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}
