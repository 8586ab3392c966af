/**
 * Logins at remote servers (OAuth 2.1 with PKCE): begun and finished on behalf of a person, kept beside the server, and renewed when
 * it is called. A token goes to the server that it was made for; a refresh token to the authorization server that gave it.
 */
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  type AuthorizationServer,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  dynamicClientRegistrationRequest,
  generateRandomCodeVerifier,
  generateRandomState,
  processAuthorizationCodeResponse,
  processDynamicClientRegistrationResponse,
  processRevocationResponse,
  revocationRequest,
  validateAuthResponse,
} from 'oauth4webapi';
import type { HttpCredential } from '../channels/http-credential.ts';
import { BerthError } from '../errors.ts';
import type { Resolve } from '../runtimes/remote-lookup.ts';
import type { RemotePolicy } from '../servers/remote-policy.ts';
import { type Authority, findAuthority, wire } from './authority.ts';
import { type CheckedFetch, createCheckedFetch } from './checked-fetch.ts';
import { LoginCredential } from './credential.ts';
import { LoginFiles, type StoredLogin } from './login-file.ts';
import { clientAuth, loginFailure, toClient, toTokens } from './tokens.ts';

export interface LoginsInput {
  /** Where logins are kept. */
  readonly folder: string;
  readonly policy: RemotePolicy;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly resolve?: Resolve;
}

/** Which server it is about. */
export interface LoginServer {
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

export interface LoginRequest {
  /** On the machine of the person, where their browser is sent at the end. */
  readonly redirectUri: string;
  /** Of a client that is registered there already. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Instead of what the server asks for. */
  readonly scope?: string;
}

/** Where the person has to agree. */
export interface BegunLogin {
  readonly login: string;
  readonly authorizationUrl: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export interface LoginInfo {
  readonly issuer: string;
  readonly scope?: string;
  /** ISO 8601; of what is sent now. */
  readonly expiresAt?: string;
  readonly renewable: boolean;
}

interface Pending {
  readonly server: LoginServer;
  readonly authority: Authority;
  readonly client: StoredLogin['client'];
  readonly redirectUri: string;
  readonly verifier: string;
  readonly state: string;
}

/** Milliseconds in which a person must have agreed. */
const PATIENCE = 10 * 60_000;
const MOST_PENDING = 100;

export class Logins {
  readonly #files: LoginFiles;
  readonly #fetch: CheckedFetch;
  readonly #policy: RemotePolicy;
  readonly #now: () => number;
  readonly #pending = new LRUCache<string, Pending>({ max: MOST_PENDING, ttl: PATIENCE });
  readonly #credentials = new Map<string, LoginCredential>();

  constructor({ folder, policy, now = Date.now, resolve }: LoginsInput) {
    this.#files = new LoginFiles(folder);
    this.#policy = policy;
    this.#fetch = createCheckedFetch({ policy, ...(resolve && { resolve }) });
    this.#now = now;
  }

  /** Rejects with `remote-failed` when the server offers no login that can be had, with `not-allowed`, or `missing-input` for the id of a client. */
  async begin(server: LoginServer, request: LoginRequest): Promise<BegunLogin> {
    const authority = await findAuthority(new URL(server.url), this.#fetch);
    const endpoint = this.#checkServer(authority.server);
    const scope = scopeOf(authority, request.scope);
    const client = await this.#clientOf(authority.server, request);
    const { redirectUri } = request;
    const pending = {
      ...{ server, authority, client, redirectUri },
      verifier: generateRandomCodeVerifier(),
      state: generateRandomState(),
    };
    const challenge = await calculatePKCECodeChallenge(pending.verifier);
    const query = {
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: redirectUri,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: pending.state,
      resource: authority.resource,
      ...(scope !== undefined && { scope }),
      // Without it some give no refresh token.
      ...(scope?.split(' ').includes('offline_access') && { prompt: 'consent' }),
    };
    for (const [name, value] of Object.entries(query)) endpoint.searchParams.set(name, value);
    const login = randomUUID();
    this.#pending.set(login, pending);
    return {
      login,
      authorizationUrl: endpoint.href,
      expiresAt: new Date(this.#now() + PATIENCE).toISOString(),
    };
  }

  /** `callback`: the address that the browser was sent to. Rejects with `not-found` for a login that is none any more, `bad-input`, `forbidden` or `remote-failed`. */
  async finish(server: LoginServer, login: string, callback: string): Promise<LoginInfo> {
    const pending = this.#pending.get(login);
    this.#pending.delete(login);
    if (pending?.server.id !== server.id || pending.server.url !== server.url)
      throw new BerthError('not-found', 'this login has ended, or was never begun', {
        hint: `Begin it again: berth login ${server.name}.`,
      });
    const { authority, client, redirectUri, verifier, state } = pending;
    const { server: as, resource } = authority;
    const back = URL.parse(callback);
    if (!back) throw new BerthError('bad-input', 'the address that the browser was sent to is no URL');
    try {
      const parameters = validateAuthResponse(as, client, back, state);
      const more = { additionalParameters: { resource }, ...wire(this.#fetch) };
      const asked = await authorizationCodeGrantRequest(
        ...([as, client, clientAuth(client), parameters, redirectUri, verifier, more] as const),
      );
      const answer = await processAuthorizationCodeResponse(as, client, asked);
      this.#keep(server, {
        ...{ url: server.url, client, resource, authority: toStored(as) },
        ...toTokens(answer, this.#now()),
      });
    } catch (thrown) {
      throw loginFailure(thrown, as.issuer);
    }
    return this.info(server) as LoginInfo;
  }

  /** Undefined where nobody has logged in. */
  info(server: LoginServer): LoginInfo | undefined {
    const login = this.#credentialOf(server)?.login;
    if (!login) return undefined;
    const { authority, scope, expiresAt, refreshToken } = login;
    return {
      issuer: authority.issuer,
      ...(scope !== undefined && { scope }),
      ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
      renewable: refreshToken !== undefined,
    };
  }

  /** Forgets a login, and tells whoever gave it; false where there is none. */
  async logout(server: LoginServer): Promise<boolean> {
    const login = this.#credentialOf(server)?.login;
    this.forget(server.id);
    if (!login) return false;
    const { authority, client, refreshToken, accessToken } = login;
    if (authority.revocation_endpoint === undefined) return true;
    const token = refreshToken ?? accessToken;
    // It is forgotten here, whatever becomes of it there.
    await revocationRequest(authority, client, clientAuth(client), token, wire(this.#fetch))
      .then(processRevocationResponse)
      .catch(() => undefined);
    return true;
  }

  /** The server is gone, and nobody has to be told. */
  forget(id: string): void {
    this.#credentials.delete(id);
    this.#files.remove(id);
  }

  /** Forgets the logins of servers that are no more. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#files.servers()) if (!ids.has(id)) this.forget(id);
  }

  async credentialOf(server: LoginServer): Promise<HttpCredential | undefined> {
    const credential = this.#credentialOf(server);
    await credential?.refresh();
    return credential;
  }

  #credentialOf(server: LoginServer): LoginCredential | undefined {
    const known = this.#credentials.get(server.id);
    if (known?.login.url === server.url) return known;
    const login = this.#files.read(server.id);
    return login?.url === server.url ? this.#add(server, login) : undefined;
  }

  #keep(server: LoginServer, login: StoredLogin): void {
    this.#files.write(server.id, login);
    this.#add(server, login);
  }

  #add({ id, name }: LoginServer, login: StoredLogin): LoginCredential {
    const credential: LoginCredential = new LoginCredential({
      ...{ name, login, fetch: this.#fetch, now: this.#now },
      // One that was replaced or forgotten meanwhile writes nothing any more.
      save: (newer) => void (this.#credentials.get(id) === credential && this.#files.write(id, newer)),
    });
    this.#credentials.set(id, credential);
    return credential;
  }

  /** The address where the person agrees. */
  #checkServer({ issuer, code_challenge_methods_supported: methods, ...server }: AuthorizationServer): URL {
    const endpoint = URL.parse(server.authorization_endpoint ?? '');
    const isWeb = endpoint?.protocol === 'https:' || endpoint?.protocol === 'http:';
    if (!endpoint || !isWeb || server.token_endpoint === undefined)
      throw unusable(issuer, 'it names no address for it');
    this.#policy.check(endpoint);
    if (!methods?.includes('S256')) throw unusable(issuer, 'it does not offer PKCE with S256');
    return endpoint;
  }

  async #clientOf(
    as: AuthorizationServer,
    { clientId, clientSecret, redirectUri }: LoginRequest,
  ): Promise<StoredLogin['client']> {
    if (clientId !== undefined)
      return {
        client_id: clientId,
        ...(clientSecret !== undefined && { client_secret: clientSecret }),
        ...(clientSecret !== undefined && { token_endpoint_auth_method: secretMethod(as) }),
      };
    if (as.registration_endpoint === undefined)
      throw new BerthError('missing-input', `${new URL(as.issuer).host} registers no clients by itself`, {
        hint: 'Register one there with the redirect address http://127.0.0.1/callback, and give its id: berth login NAME --client-id ID.',
      });
    // No scope: those of the resource need not be the authorization server's own.
    const wish = {
      client_name: 'Berth',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    };
    try {
      const response = await dynamicClientRegistrationRequest(as, wish, wire(this.#fetch));
      return toClient(await processDynamicClientRegistrationResponse(response));
    } catch (thrown) {
      throw loginFailure(thrown, as.issuer);
    }
  }
}

/** What is asked for; leave to renew it later where that is offered. */
function scopeOf({ scope, server }: Authority, wanted: string | undefined): string | undefined {
  const asked = wanted ?? scope;
  const offers = server.scopes_supported?.includes('offline_access') === true;
  const words = (asked ?? '').split(' ').filter((word) => word !== '');
  if (offers && !words.includes('offline_access')) words.push('offline_access');
  return words.length === 0 ? undefined : words.join(' ');
}

function secretMethod({ token_endpoint_auth_methods_supported: methods }: AuthorizationServer): string {
  const basic = methods === undefined || methods.includes('client_secret_basic');
  return basic ? 'client_secret_basic' : 'client_secret_post';
}

function toStored(as: AuthorizationServer): StoredLogin['authority'] {
  return {
    issuer: as.issuer,
    token_endpoint: as.token_endpoint ?? '',
    ...(as.revocation_endpoint !== undefined && { revocation_endpoint: as.revocation_endpoint }),
  };
}

function unusable(issuer: string, why: string): BerthError {
  return new BerthError('remote-failed', `the login at ${issuer} cannot be used: ${why}`, {
    hint: 'Ask who runs the remote server.',
  });
}
