/** What every request of the API goes through before a route sees it. */
import type { Context, MiddlewareHandler } from 'hono';
import type { Principal } from '../auth/principal.ts';
import { BerthError } from '../errors.ts';
import { parseExact } from '../exact-json.ts';
import { requestIdOf } from '../log/ids.ts';
import { problemResponse } from './problem.ts';

/** What comes with a request, and what the middlewares leave for the routes. */
export interface ApiVariables {
  Bindings: ApiBindings;
  Variables: {
    requestId: string;
    /** It is carried out to its end even when its caller leaves, who will ask for the answer again. */
    keyed?: boolean;
    /** The body, once somebody has read it. */
    bodyText?: Promise<string>;
  };
}

/** Both are absent where the app is called without a connection. */
export interface ApiBindings {
  /** Who calls, as the guard has found. */
  readonly principal?: Principal;
  readonly outgoing?: { getHeader(name: string): unknown };
}

/** Who calls. */
export function callerOf({ env }: { readonly env: ApiVariables['Bindings'] | undefined }): Principal {
  // Nothing may be done in the name of a caller that nobody has looked at.
  if (!env?.principal) throw new BerthError('unauthorized', 'it is not known who calls');
  return env.principal;
}

/** The header that a request without a body sends to show that it is no form of a web page. */
export const REQUEST_HEADER = 'X-Berth-Request';

/** Bytes of one request body. */
export const MAX_BODY_BYTES = 512 * 1024;

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
export const REQUEST_ID_HEADER = 'X-Request-ID';

/** Takes a well-formed X-Request-ID over, or makes one, and answers with it. */
export const requestIds: MiddlewareHandler<ApiVariables> = async (context, next) => {
  // The front has chosen it already, where there is one.
  const chosen = context.env?.outgoing?.getHeader(REQUEST_ID_HEADER);
  const requestId = typeof chosen === 'string' ? chosen : requestIdOf(context.req.header(REQUEST_ID_HEADER));
  context.set('requestId', requestId);
  await next();
  context.res.headers.set(REQUEST_ID_HEADER, requestId);
};

/** Refuses a compressed body with 415: it is not unpacked, because what comes out of it has no bound. */
export const noCodings: MiddlewareHandler<ApiVariables> = async (context, next) => {
  const coding = context.req.header('Content-Encoding')?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return await next();
  const hint = 'Send the body as it is, without Content-Encoding.';
  const error = new BerthError('unsupported-media-type', 'a body with Content-Encoding is not taken', {
    hint,
  });
  return problemResponse(error, context.get('requestId'), { 'Accept-Encoding': 'identity' });
};

/** Refuses changes that a form of a web page could send: with 415 when there is a body of another type, with 403 when there is none. */
export const noForms: MiddlewareHandler<ApiVariables> = async (context, next) => {
  if (!READING.has(context.req.method)) {
    const isJson = /^application\/json\s*(;|$)/i.test(context.req.header('Content-Type') ?? '');
    const hasBody =
      context.req.header('Transfer-Encoding') !== undefined ||
      Number(context.req.header('Content-Length') ?? 0) !== 0;
    if (hasBody && !isJson)
      throw new BerthError('unsupported-media-type', 'the body must be application/json');
    if (!isJson && context.req.header(REQUEST_HEADER) === undefined) {
      throw new BerthError('forbidden', 'a request without a body needs a header that no form can send', {
        hint: `Send the header ${REQUEST_HEADER}: 1.`,
      });
    }
  }
  await next();
};

/** Calls of what is there; they change nothing of it. */
const USING = /\/(call|prompt|read)$/;

/** Refuses changes to callers who may only use servers. */
export const managersOnly: MiddlewareHandler<ApiVariables> = async (context, next) => {
  const { method, path } = context.req;
  if (!READING.has(method) && !USING.test(path) && context.env?.principal?.scope === 'use')
    throw forUsersOnly('this key may use servers, not change them');
  await next();
};

/** Throws `forbidden` for a caller who may only use servers: of what is read and is not theirs. */
export function checkManager(context: Context<ApiVariables>): void {
  if (callerOf(context).scope !== 'manage') throw forUsersOnly('this key may use servers, not see this');
}

function forUsersOnly(message: string): BerthError {
  return new BerthError('forbidden', message, {
    hint: 'Make a key with: berth key add NAME --scope manage.',
  });
}

const NEVER = new AbortController().signal;

/** Aborts when the caller leaves and wants nothing more of the request. */
export function signalOf(context: Context<ApiVariables>): AbortSignal {
  return context.get('keyed') ? NEVER : context.req.raw.signal;
}

/**
 * Throws `too-large`, `parse-error`, or `bad-input` for a member that would be lost on the way (`__proto__`). `exact`: numbers keep every
 * digit.
 */
export async function readJson(
  context: Context<ApiVariables>,
  { exact = false }: { readonly exact?: boolean } = {},
): Promise<unknown> {
  const text = await bodyText(context);
  try {
    return exact ? parseExact(text, refusePrototype) : JSON.parse(text, refusePrototype);
  } catch (cause) {
    if (cause instanceof BerthError) throw cause;
    throw new BerthError('parse-error', 'the body is not valid JSON', { cause });
  }
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new BerthError('bad-input', 'the body has a member __proto__');
  return value;
}

/** The body as text, read once. Throws `too-large` or `parse-error`. */
export function bodyText(context: Context<ApiVariables>): Promise<string> {
  const text = context.get('bodyText') ?? readText(context.req.raw);
  context.set('bodyText', text);
  return text;
}

async function readText(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new BerthError('parse-error', 'the body is not valid UTF-8', { cause });
  }
}

function tooLarge(): BerthError {
  return new BerthError('too-large', `the body has more than ${MAX_BODY_BYTES} bytes`, {
    hint: 'Send a smaller body.',
  });
}
