/** Requests for tokens, and what their answers come to. */
import {
  AuthorizationResponseError,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  None,
  OperationProcessingError,
  ResponseBodyError,
  type TokenEndpointResponse,
} from 'oauth4webapi';
import { BerthError } from '../errors.ts';
import type { StoredLogin } from './login-file.ts';

/** Characters of a server's own words that are repeated. */
const WORDS = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;

/** How the client proves that it is itself. */
export function clientAuth(client: StoredLogin['client']): ClientAuth {
  const { client_secret: secret, token_endpoint_auth_method: method } = client;
  if (secret === undefined || method === 'none') return None();
  return method === 'client_secret_post' ? ClientSecretPost(secret) : ClientSecretBasic(secret);
}

/** The members that a client needs later. */
export function toClient(given: Partial<Client> & { readonly client_id: string }): StoredLogin['client'] {
  const { client_id, client_secret, token_endpoint_auth_method: method } = given;
  return {
    client_id,
    ...(typeof client_secret === 'string' && { client_secret }),
    ...(typeof method === 'string' && { token_endpoint_auth_method: method }),
  };
}

/** What an answer with tokens adds to a login. A refresh token that is not replaced stays. */
export function toTokens(
  answer: TokenEndpointResponse,
  now: number,
): Pick<StoredLogin, 'accessToken' | 'expiresAt' | 'refreshToken' | 'scope'> {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = answer;
  return {
    accessToken,
    ...(refreshToken !== undefined && { refreshToken }),
    ...(seconds !== undefined && { expiresAt: now + seconds * 1_000 }),
    ...(scope !== undefined && { scope }),
  };
}

/** True when the authorization server has said that the login counts no more, whenever it is asked again. */
export function isEnded(thrown: unknown): boolean {
  const ending = new Set(['invalid_grant', 'invalid_client', 'unauthorized_client']);
  return thrown instanceof ResponseBodyError && ending.has(thrown.error);
}

/** The error of a step of a login, in words; what is one of ours already stays. */
export function loginFailure(thrown: unknown, issuer: string): BerthError {
  if (thrown instanceof BerthError) return thrown;
  const host = URL.parse(issuer)?.host ?? 'the authorization server';
  if (thrown instanceof AuthorizationResponseError) {
    const denied = thrown.error === 'access_denied';
    const code = denied ? 'forbidden' : 'remote-failed';
    return new BerthError(code, `${host} did not let you in: ${words(thrown)}`, {
      hint: 'Log in again, and agree to what it asks.',
    });
  }
  if (thrown instanceof ResponseBodyError)
    return failure(`${host} refused the login: ${words(thrown)}`, thrown);
  const said =
    thrown instanceof OperationProcessingError ? thrown.message : 'no answer that can be understood';
  return failure(`the login at ${host} failed: ${shortened(said)}`, thrown);
}

function words({
  error,
  error_description: description,
}: {
  readonly error: string;
  readonly error_description?: string | undefined;
}): string {
  return shortened(description === undefined ? error : `${error} (${description})`);
}

function shortened(text: string): string {
  return text.replace(CONTROL, ' ').slice(0, WORDS);
}

function failure(message: string, cause: unknown): BerthError {
  return new BerthError('remote-failed', message, {
    cause,
    hint: 'Try again: berth login NAME. If it stays so, ask who runs the remote server.',
  });
}
