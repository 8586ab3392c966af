/** Who gives access to a remote server: its own word for it (RFC 9728), and that of the authorization server (RFC 8414). */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
  processResourceDiscoveryResponse,
  type ResourceServer,
} from 'oauth4webapi';
import { BerthError } from '../errors.ts';
import type { CheckedFetch } from './checked-fetch.ts';

export interface Authority {
  readonly server: AuthorizationServer;
  /** What tokens are asked for. */
  readonly resource: string;
  readonly scope?: string;
}

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'berth', version: '0' },
  },
});
const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/** The addresses are checked by `fetch`, not by whether they are http or https. */
export function wire(fetch: CheckedFetch) {
  return { [customFetch]: fetch, [allowInsecureRequests]: true } as const;
}

/** Rejects with `remote-failed` when the server asks for no login, or for one that cannot be had; with `not-allowed` for an address that may not be asked. */
export async function findAuthority(url: URL, fetch: CheckedFetch): Promise<Authority> {
  const challenge = await askChallenge(url, fetch);
  const found = await findResource(url, challenge.metadata, fetch);
  const [issuer] = found?.authorization_servers ?? [];
  // Servers of revision 2025-03-26 are their own authorization servers.
  const place = URL.parse(issuer ?? url.origin);
  const server = place && /^https?:$/.test(place.protocol) ? await findServer(place, fetch) : undefined;
  if (!server) throw noLogin(url, issuer);
  const scope = challenge.scope ?? found?.scopes_supported?.join(' ');
  return { server, resource: found?.resource ?? withoutFragment(url), ...(scope && { scope }) };
}

interface Challenge {
  readonly metadata?: string;
  readonly scope?: string;
}

/** What the server says when somebody calls who is nobody. */
async function askChallenge(url: URL, fetch: CheckedFetch): Promise<Challenge> {
  const response = await fetch(url.href, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: INITIALIZE,
  });
  const said = response.status === 401 ? (response.headers.get('www-authenticate') ?? '') : '';
  const metadata = /\bresource_metadata="([^"]{1,2048})"/i.exec(said)?.[1];
  const scope = /\bscope="([\x21\x23-\x5b\x5d-\x7e ]{1,2048})"/i.exec(said)?.[1];
  return { ...(metadata !== undefined && { metadata }), ...(scope !== undefined && { scope }) };
}

async function findResource(
  url: URL,
  named: string | undefined,
  fetch: CheckedFetch,
): Promise<ResourceServer | undefined> {
  const path = url.pathname === '/' ? '' : url.pathname;
  const places = named === undefined ? [`${WELL_KNOWN}${path}${url.search}`, WELL_KNOWN] : [named];
  for (const place of places) {
    const response = await fetch(new URL(place, url).href, {
      method: 'GET',
      headers: { accept: 'application/json' },
    });
    if (response.status === 200) return await readResource(url, response);
  }
  return undefined;
}

/** A document speaks for the server that was asked, or for a part of its host that the server is in; for nobody else's. */
async function readResource(url: URL, response: Response): Promise<ResourceServer> {
  const copy = response.clone();
  const { resource } = Object((await response.json().catch(() => undefined)) ?? {}) as { resource?: unknown };
  const claimed = typeof resource === 'string' ? URL.parse(resource) : null;
  if (!claimed || !isWithin(url, claimed))
    throw failure(
      `the login of ${url.host} is meant for another server`,
      `It speaks of ${claimed?.origin ?? 'none'}.`,
    );
  try {
    const read = await processResourceDiscoveryResponse(claimed, copy);
    // As it is written there: a slash more or less is another resource to some.
    return { ...read, resource: resource as string };
  } catch (cause) {
    throw failure(`what ${url.host} says of its login cannot be understood`, undefined, cause);
  }
}

function isWithin(url: URL, claimed: URL): boolean {
  if (claimed.origin !== url.origin) return false;
  const base = claimed.pathname.endsWith('/') ? claimed.pathname : `${claimed.pathname}/`;
  return `${url.pathname}/`.startsWith(base);
}

async function findServer(issuer: URL, fetch: CheckedFetch): Promise<AuthorizationServer | undefined> {
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const response = await discoveryRequest(issuer, { algorithm, ...wire(fetch) });
    if (response.status !== 200) continue;
    try {
      return await processDiscoveryResponse(issuer, response);
    } catch (cause) {
      throw failure(`what ${issuer.host} says of its login cannot be understood`, undefined, cause);
    }
  }
  return undefined;
}

function withoutFragment(url: URL): string {
  const bare = new URL(url);
  bare.hash = '';
  return bare.href;
}

function noLogin(url: URL, issuer: string | undefined): BerthError {
  if (issuer !== undefined)
    return failure(`the authorization server of ${url.host} does not describe itself`, `It is ${issuer}.`);
  return failure(
    `${url.host} offers no login`,
    'Give what it needs by reference: berth run https://… --header "Authorization=Bearer env:NAME".',
  );
}

function failure(message: string, hint?: string, cause?: unknown): BerthError {
  return new BerthError('remote-failed', message, {
    hint: hint ?? 'Ask who runs the remote server.',
    ...(cause !== undefined && { cause }),
  });
}
