/** A credential that can be renewed, and requests that are sent once more with a new one. */
import type { BerthError } from '../errors.ts';
import type { HttpExchange } from './http-client.ts';

/** What proves to a server who calls, for as long as it counts. */
export interface HttpCredential {
  /** Value of the header `Authorization`; undefined when there is none any more. */
  readonly authorization: string | undefined;
  /** Gets another one instead of the one that was refused; false when none can be had. Never rejects; calls at the same time ask once. */
  renew(refused: string | undefined): Promise<boolean>;
  /** What is told of a refusal that a renewal did not help. */
  readonly failure: BerthError;
  /** Values that must not be shown. */
  readonly secrets: readonly string[];
}

/** `send` begins the exchange with what counts then; once more when the server refuses that with 401: it has done nothing then. */
export function renewedExchange(send: () => HttpExchange, credential: HttpCredential): HttpExchange {
  const used = credential.authorization;
  let current = send();
  let aborted = false;
  const response = current.response.then(async (first) => {
    if (first.statusCode !== 401 || aborted || !(await credential.renew(used)) || aborted) return first;
    first.resume();
    current = send();
    return await current.response;
  });
  response.catch(() => {});
  return {
    written: current.written,
    response,
    closed: response.then(
      () => current.closed,
      () => current.closed,
    ),
    abort: () => {
      aborted = true;
      current.abort();
    },
  };
}
