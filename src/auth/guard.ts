/**
 * Who may call: the checks that every request passes before anything looks at what it wants. They run on every message of
 * the data path, so the way of a good request is set lookups and nothing else.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Cancel } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { HeldRequests } from './held-requests.ts';
import type { KeyStore } from './keys.ts';
import { isLoopbackAddress, isLoopbackHost } from './loopback.ts';
import { createNames, type GuardSettings } from './names.ts';
import { LOCAL_PRINCIPAL, type Principal } from './principal.ts';
import { createQueryCheck } from './query-check.ts';
import { countHosts, isForwarded } from './request-headers.ts';

export type { GuardSettings } from './names.ts';

/** What is read of a request of `node:http`. */
export interface GuardRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: { readonly remoteAddress?: string | undefined; readonly localPort?: number | undefined };
}

export interface Guard {
  /** Throws `wrong-host` unless there is exactly one Host header, and it is one of ours. */
  checkHost(request: GuardRequest): void;
  /** Throws `forbidden` for a request of a foreign web page. */
  checkOrigin(request: GuardRequest): void;
  /** Who calls. Throws `unauthorized`, or `bad-input` for credentials in the URL. */
  principalOf(request: GuardRequest): Principal;
  /** All of it, in this order. */
  check(request: GuardRequest): Principal;
  /** `ended` is called when the key of a request that was let in is no longer good, unless what this returns was called before. */
  hold(request: Pick<GuardRequest, 'headers'>, ended: () => void): Cancel;
}

const REMEMBERED_CREDENTIALS = 1_024;
const MAX_CREDENTIAL_LENGTH = 256;
const BEARER = 'bearer ';
/** Pages may be navigated to from anywhere; these paths are no pages. */
const NOT_PAGES = ['/servers/', '/groups/', '/api/', '/mcp'];

/** A guard for one listening address. Throws `bad-setting` when that is reachable from elsewhere and there is no key. */
export function createGuard(settings: GuardSettings, keys: KeyStore): Guard {
  refuseOpenDoor(settings, keys);
  const { isOurHost, isOurOrigin } = createNames(settings);
  const principalOfKey = createKeyCheck(keys);
  const checkQuery = createQueryCheck();
  const trustsLoopback = isLoopbackHost(settings.host);
  const held = new HeldRequests(keys, (authorization) => principalIn(authorization, keys) !== undefined);
  const guard: Guard = {
    checkHost({ url, headers, rawHeaders, socket }) {
      const { host } = headers;
      if (host === undefined || host === '' || countHosts(rawHeaders) !== 1)
        throw wrongHost('exactly one Host header is needed');
      if (url !== undefined && !url.startsWith('/') && url !== '*')
        throw wrongHost('the request target must be a path');
      if (!isOurHost(host, socket.localPort)) throw wrongHost('this host name is not served here');
    },
    checkOrigin(request) {
      const { origin } = request.headers;
      if (origin === undefined) checkFetchSite(request);
      else if (!isOurOrigin(origin, request.socket.localPort))
        throw new BerthError('forbidden', 'this origin is not allowed');
    },
    principalOf({ url, headers, rawHeaders, socket }) {
      checkQuery(url);
      if (headers.authorization !== undefined) return principalOfKey(headers.authorization);
      if (trustsLoopback && isLoopbackAddress(socket.remoteAddress) && !isForwarded(rawHeaders))
        return LOCAL_PRINCIPAL;
      throw new BerthError('unauthorized', 'a key is needed');
    },
    check(request) {
      guard.checkHost(request);
      guard.checkOrigin(request);
      return guard.principalOf(request);
    },
    hold: ({ headers: { authorization } }, ended) =>
      authorization === undefined ? () => {} : held.hold(authorization, ended),
  };
  return guard;
}

/** Response headers that belong to an error: the challenge of a 401. */
export function errorHeaders(error: BerthError): Readonly<Record<string, string>> {
  return error.code === 'unauthorized' ? CHALLENGE : NONE;
}

const CHALLENGE = Object.freeze({ 'www-authenticate': 'Bearer realm="berth"' });
const NONE = Object.freeze({});

function wrongHost(message: string): BerthError {
  return new BerthError('wrong-host', message);
}

function refuseOpenDoor({ host }: GuardSettings, keys: KeyStore): void {
  if (isLoopbackHost(host) || keys.size > 0) return;
  throw new BerthError(
    'bad-setting',
    `host is ${host}, which other machines can reach, and there is no API key`,
    {
      hint: 'Make a key with: berth key add NAME, or give one in the keys setting; or listen on 127.0.0.1.',
      fields: [{ pointer: 'host', detail: 'needs an API key' }],
    },
  );
}

/** A page may load our URLs as images or scripts without an Origin; browsers tell by Sec-Fetch-Site. */
function checkFetchSite({ headers, url = '' }: GuardRequest): void {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  const isNavigation = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (isNavigation && !NOT_PAGES.some((path) => url.startsWith(path))) return;
  throw new BerthError('forbidden', 'a request of another web page is not allowed');
}

/** Remembers good credentials by the whole header, for as long as no key changes. */
function createKeyCheck(keys: KeyStore): (authorization: string) => Principal {
  const known = new Map<string, Principal>();
  let version = keys.version;
  return (authorization) => {
    if (version !== keys.version) {
      known.clear();
      version = keys.version;
    }
    const remembered = known.get(authorization);
    if (remembered !== undefined) return remembered;
    const principal = verify(authorization, keys);
    if (known.size >= REMEMBERED_CREDENTIALS) known.clear();
    known.set(authorization, principal);
    return principal;
  };
}

function principalIn(authorization: string, keys: KeyStore): Principal | undefined {
  const isBearer =
    authorization.length <= MAX_CREDENTIAL_LENGTH &&
    authorization.slice(0, BEARER.length).toLowerCase() === BEARER;
  return isBearer ? keys.verify(authorization.slice(BEARER.length).trim()) : undefined;
}

function verify(authorization: string, keys: KeyStore): Principal {
  const principal = principalIn(authorization, keys);
  if (principal === undefined) throw new BerthError('unauthorized', 'the key is not valid');
  return principal;
}
