/** The time that somebody who asks for a start has for it. */
import { BerthError } from '../errors.ts';

/**
 * Bounds a wait that a caller has asked for: `wait` is called off after so many seconds, or by `signal`. Throws `request-timeout` in the
 * first case; what was begun goes on. `ask` says where it is shown how that fares.
 */
export async function within<T>(
  { seconds, name, ask, signal }: WithinOptions,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(seconds * 1_000);
  try {
    return await wait(signal ? AbortSignal.any([signal, limit]) : limit);
  } catch (error) {
    if (!limit.aborted || signal?.aborted) throw error;
    throw new BerthError('request-timeout', `${name} did not become ready within ${seconds} seconds`, {
      hint: `The start goes on: ${ask}.`,
    });
  }
}

export interface WithinOptions {
  readonly seconds: number;
  /** Of the server. */
  readonly name: string;
  readonly ask: string;
  readonly signal?: AbortSignal;
}
