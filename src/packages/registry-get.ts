/**
 * One bounded request to a registry, as a rule the GET of a document: the proxies, certificates and credentials of the user's npm or Python settings, one
 * attempt, a limit of bytes, no redirect to another host. Every failure says in `data.reason` of what kind it is.
 */

import { createRequire } from 'node:module';
import fetchRegistry from 'npm-registry-fetch';
import { BerthError } from '../errors.ts';
import type { NpmOptions } from './npm-config.ts';
import { withoutCredentials } from './run-program.ts';

/** What kind of failure a registry had. */
export type RegistryReason =
  | 'down'
  | 'slow'
  | 'denied'
  | 'busy'
  | 'status'
  | 'redirect'
  | 'malformed'
  | 'truncated'
  | 'too-large';

export interface RegistryGet {
  /** What the registry is called in messages. */
  readonly label: string;
  readonly accept: string;
  /** Of the document, unpacked. */
  readonly maxBytes: number;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Answered with `unchanged` when the registry has nothing newer. */
  readonly etag?: string | undefined;
  /** Sent by POST, where a registry wants to be asked so. */
  readonly send?: { readonly type: string; readonly body: string } | undefined;
  /** Given the document piece by piece, which is not kept then. False: enough. Whatever it throws is told as `malformed`. */
  readonly take?: ((piece: Uint8Array) => boolean) | undefined;
  /** Options as npm has them; for a Python index only `ca`. */
  readonly options: NpmOptions;
  readonly signal?: AbortSignal | undefined;
}

export type RegistryAnswer =
  | {
      readonly kind: 'document';
      readonly type: string;
      readonly etag?: string;
      readonly headers: Headers;
      readonly body: Buffer;
      readonly url: URL;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unchanged' };

interface Headers {
  get(name: string): string | null;
}

interface Response {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array> & { destroy?(): void };
}

type Fetch = (url: string, options: Readonly<Record<string, unknown>>) => Promise<Response>;
type GetAuth = (
  url: string,
  options: NpmOptions,
) => { token?: string; auth?: string; cert?: unknown; key?: unknown };

// The client below npm-registry-fetch, which can be told not to follow redirects; it brings no types of its own.
const fetchOnce = createRequire(import.meta.url)('make-fetch-happen') as Fetch;
const { getAuth } = fetchRegistry as unknown as { getAuth: GetAuth };

const MAX_REDIRECTS = 3;
const MAX_RETRY_AFTER_S = 3_600;

/** Absence (404, 410) is an answer. Rejects with `registry-failed`, or with the signal's own reason. */
export async function registryGet(url: URL, get: RegistryGet): Promise<RegistryAnswer> {
  const limit = AbortSignal.timeout(get.timeout);
  const signal = get.signal === undefined ? limit : AbortSignal.any([limit, get.signal]);
  try {
    return await follow(url, { ...get, signal });
  } catch (cause) {
    get.signal?.throwIfAborted();
    if (cause instanceof BerthError) throw cause;
    if (limit.aborted)
      throw registryFailure(get.label, 'slow', `did not answer within ${get.timeout} ms`, { cause });
    throw connectionFailure(get.label, cause);
  }
}

export function registryFailure(
  label: string,
  reason: RegistryReason,
  text: string,
  more: {
    readonly cause?: unknown;
    readonly retryAfterSeconds?: number;
    /** HTTP. */
    readonly status?: number;
    readonly hint?: string;
  } = {},
): BerthError {
  const { retryAfterSeconds, status, hint, cause } = more;
  return new BerthError('registry-failed', `${label} ${text}`, {
    data: {
      reason,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      ...(status !== undefined && { status }),
    },
    ...(hint !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  });
}

async function follow(
  start: URL,
  get: RegistryGet & { readonly signal: AbortSignal },
): Promise<RegistryAnswer> {
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await ask(url, get);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || response.status === 304)
      return await toAnswer(url, response, get);
    response.body.destroy?.();
    url = redirected(url, location, get.label);
  }
  throw registryFailure(get.label, 'redirect', 'redirects without end');
}

/** Sent on only within one origin: credentials and trust are the registry's, not those of whom it points to. */
function redirected(from: URL, location: string | null, label: string): URL {
  const to = location === null ? null : URL.parse(location, from.href);
  if (to === null) throw registryFailure(label, 'redirect', 'redirects to no address');
  if (to.origin === from.origin) {
    to.username = from.username;
    to.password = from.password;
    return to;
  }
  throw registryFailure(label, 'redirect', `redirects to another host (${to.host}), which is not asked`, {
    hint: 'Set the address that it redirects to as the registry, if you trust it.',
  });
}

async function ask(url: URL, get: RegistryGet & { readonly signal: AbortSignal }): Promise<Response> {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  const { options } = get;
  const auth = getAuth(bare.href, options);
  const authorization = authorizationOf(url, auth);
  return await fetchOnce(bare.href, {
    ...(get.send && { method: 'POST', body: get.send.body }),
    redirect: 'manual',
    retry: { retries: 0 },
    ca: options.ca,
    cert: auth.cert ?? options.cert,
    key: auth.key ?? options.key,
    localAddress: options.localAddress,
    maxSockets: options.maxSockets,
    noProxy: options.noProxy,
    proxy: options.httpsProxy ?? options.proxy,
    strictSSL: options.strictSSL,
    timeout: get.timeout,
    signal: get.signal,
    headers: {
      accept: get.accept,
      'user-agent': 'mcp-berth',
      ...(get.send && { 'content-type': get.send.type }),
      ...(get.etag !== undefined && { 'if-none-match': get.etag }),
      ...(authorization !== undefined && { authorization }),
    },
  });
}

function authorizationOf(url: URL, auth: ReturnType<GetAuth>): string | undefined {
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  if (auth.token) return `Bearer ${auth.token}`;
  return auth.auth ? `Basic ${auth.auth}` : undefined;
}

async function toAnswer(url: URL, response: Response, get: RegistryGet): Promise<RegistryAnswer> {
  const { status, headers } = response;
  if (status >= 200 && status < 300) {
    const body = await readBody(response, get);
    const etag = headers.get('etag');
    const type = (headers.get('content-type') ?? '').toLowerCase();
    return { kind: 'document', type, headers, body, url, ...(etag !== null && { etag }) };
  }
  response.body.destroy?.();
  if (status === 304 && get.etag !== undefined) return { kind: 'unchanged' };
  if (status === 404 || status === 410) return { kind: 'absent' };
  throw statusFailure(status, headers, get.label);
}

async function readBody(response: Response, get: RegistryGet): Promise<Buffer> {
  const { label, maxBytes, signal, take } = get;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw registryFailure(label, 'too-large', `answered with more than ${maxBytes} bytes`);
      }
      if (take === undefined) chunks.push(chunk);
      else if (!takes(take, chunk, label)) return Buffer.alloc(0);
    }
  } catch (cause) {
    if (cause instanceof BerthError || signal?.aborted) throw cause;
    throw registryFailure(label, 'truncated', `broke its answer off after ${bytes} bytes`, { cause });
  }
  const length =
    response.headers.get('content-encoding') === null ? response.headers.get('content-length') : null;
  if (length !== null && Number(length) !== bytes)
    throw registryFailure(label, 'truncated', `announced ${length} bytes and sent ${bytes}`);
  return Buffer.concat(chunks);
}

function takes(take: NonNullable<RegistryGet['take']>, piece: Uint8Array, label: string): boolean {
  try {
    return take(piece);
  } catch (cause) {
    throw registryFailure(label, 'malformed', 'answered with something that is not what was asked for', {
      cause,
    });
  }
}

function statusFailure(status: number, headers: Headers, label: string): BerthError {
  const retryAfterSeconds = retryAfter(headers.get('retry-after'));
  if (status === 401 || status === 403) {
    const hint = 'Check the credentials in .npmrc, pip.conf or uv.toml.';
    return registryFailure(label, 'denied', `refused to answer (${status})`, { hint });
  }
  if (status === 429 || status === 503) {
    const wait = retryAfterSeconds === undefined ? '' : `; it asks to wait ${retryAfterSeconds} s`;
    return registryFailure(label, 'busy', `is busy (${status})${wait}`, {
      hint: 'Search again later.',
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    });
  }
  return registryFailure(label, 'status', `answered with ${status}`, { status });
}

/** Seconds or a date; an hour at most. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d{1,9}$/.test(value.trim())
    ? Number(value)
    : Math.ceil((Date.parse(value) - Date.now()) / 1_000);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER_S) : undefined;
}

function connectionFailure(label: string, cause: unknown): BerthError {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  const text =
    typeof code === 'string' && code !== '' ? code : withoutCredentials(String(message ?? 'no answer'));
  return registryFailure(label, 'down', `cannot be reached (${text})`, { cause });
}
