/** The login at one server, as requests carry it: renewed when it is refused or its time is up. */
import { processRefreshTokenResponse, refreshTokenGrantRequest } from 'oauth4webapi';
import type { HttpCredential } from '../channels/http-credential.ts';
import { BerthError } from '../errors.ts';
import { wire } from './authority.ts';
import type { CheckedFetch } from './checked-fetch.ts';
import type { StoredLogin } from './login-file.ts';
import { clientAuth, isEnded, loginFailure, toTokens } from './tokens.ts';

export interface CredentialInput {
  /** Name of the server. */
  readonly name: string;
  readonly login: StoredLogin;
  readonly fetch: CheckedFetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Keeps what came instead. */
  readonly save: (login: StoredLogin) => void;
}

/** Milliseconds before its end at which a token counts as spent. */
const MARGIN = 30_000;

export class LoginCredential implements HttpCredential {
  readonly #input: CredentialInput;
  #login: StoredLogin;
  #renewing: Promise<boolean> | undefined;
  #problem: BerthError | undefined;

  constructor(input: CredentialInput) {
    this.#input = input;
    this.#login = input.login;
  }

  get authorization(): string {
    return `Bearer ${this.#login.accessToken}`;
  }

  get secrets(): readonly string[] {
    const { accessToken, refreshToken, client } = this.#login;
    return [accessToken, refreshToken, client.client_secret].filter((value) => value !== undefined);
  }

  get failure(): BerthError {
    return this.#problem ?? ended(this.#input.name, 'it counts no more');
  }

  get login(): StoredLogin {
    return this.#login;
  }

  /** Renews it when its time is up; what goes wrong with that, the next call is told. */
  async refresh(): Promise<void> {
    const { expiresAt = Number.POSITIVE_INFINITY } = this.#login;
    if (this.#input.now() >= expiresAt - MARGIN) await this.renew(this.authorization);
  }

  async renew(refused: string | undefined): Promise<boolean> {
    // Another call has got a new one meanwhile.
    if (refused !== this.authorization) return true;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return await this.#renewing;
  }

  async #renew(): Promise<boolean> {
    const { name, fetch, now, save } = this.#input;
    const { authority, client, refreshToken, resource } = this.#login;
    if (refreshToken === undefined) {
      this.#problem = ended(name, 'it was for a time only');
      return false;
    }
    try {
      const more = { additionalParameters: { resource }, ...wire(fetch) };
      const asked = await refreshTokenGrantRequest(authority, client, clientAuth(client), refreshToken, more);
      const tokens = toTokens(await processRefreshTokenResponse(authority, client, asked), now());
      const { expiresAt: _old, ...rest } = this.#login;
      this.#login = { ...rest, ...tokens };
      save(this.#login);
      this.#problem = undefined;
      return true;
    } catch (thrown) {
      const { message, hint } = loginFailure(thrown, authority.issuer);
      this.#problem = isEnded(thrown)
        ? ended(name, message)
        : new BerthError('remote-failed', `the login of ${name} could not be renewed: ${message}`, {
            hint,
            cause: thrown,
          });
      return false;
    }
  }
}

function ended(name: string, why: string): BerthError {
  return new BerthError('remote-failed', `the login of ${name} has ended: ${why}`, {
    hint: `Log in again with: berth login ${name}.`,
  });
}
