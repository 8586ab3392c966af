/**
 * `fetch` for addresses that a server of somebody else has named: only where remote servers may be, connected to what was checked,
 * no redirect followed, no long answer read, no long wait.
 */
import { type IncomingMessage, request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { BerthError } from '../errors.ts';
import { createCheckedLookup, type Resolve } from '../runtimes/remote-lookup.ts';
import type { RemotePolicy } from '../servers/remote-policy.ts';

export interface CheckedFetchInput {
  readonly policy: RemotePolicy;
  /** Instead of the system's look-up. */
  readonly resolve?: Resolve;
}

export interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: URLSearchParams | string | null | undefined;
}

export type CheckedFetch = (url: string, options: FetchOptions) => Promise<Response>;

const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 10_000;
/** Statuses whose responses have no body. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/** The function rejects with `not-allowed` or `remote-failed`. */
export function createCheckedFetch({ policy, resolve }: CheckedFetchInput): CheckedFetch {
  const lookup = createCheckedLookup(policy, resolve);
  return async (address, { method, headers, body }) => {
    const url = URL.parse(address);
    if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw failure('the login names an address that is no http or https URL');
    policy.check(url);
    const text = body == null ? undefined : String(body);
    const send = url.protocol === 'https:' ? secure : plain;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const response = await new Promise<IncomingMessage>((settle, reject) => {
        const own = { 'user-agent': 'berth', 'accept-encoding': 'identity' };
        const outgoing = send(url, { method, headers: { ...headers, ...own }, lookup, signal, agent: false });
        outgoing.once('response', settle);
        outgoing.once('error', reject);
        outgoing.end(text);
      });
      return await toResponse(response, url);
    } catch (cause) {
      if (cause instanceof BerthError) throw cause;
      const why = signal.aborted ? `no answer in ${TIMEOUT_MS / 1_000} s` : codeOf(cause);
      throw failure(`${url.host} cannot be asked for the login: ${why}`, cause);
    }
  };
}

async function toResponse(message: IncomingMessage, url: URL): Promise<Response> {
  const { statusCode: status = 502, headers } = message;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) {
      message.destroy();
      throw failure(`${url.host} answers the login with more than ${MAX_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  const names = ['content-type', 'www-authenticate', 'cache-control'] as const;
  const kept = names.flatMap((name): [string, string][] => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value]];
  });
  return new Response(EMPTY.has(status) ? null : Buffer.concat(chunks), { status, headers: kept });
}

function codeOf(cause: unknown): string {
  const { code } = cause as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'the connection broke';
}

function failure(message: string, cause?: unknown): BerthError {
  return new BerthError('remote-failed', message, {
    hint: 'Check the address of the remote server, and whether its login is up.',
    ...(cause !== undefined && { cause }),
  });
}
