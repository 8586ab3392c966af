/** When a request is sent again, and after how long. */
import type { BerthApiError } from './api-error.ts';

/** Milliseconds. */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 30_000;

interface Attempt {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly error: BerthApiError;
}

/** It may help, and can do no harm: reading, and what carries a key by which it is done once only. */
export function isWorthAnotherTry({ method, headers = {}, error }: Attempt): boolean {
  const isKeyed = Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key');
  if (method !== 'GET' && !isKeyed) return false;
  return error.status === 0 || error.status === 429 || error.status === 503;
}

/** Milliseconds: what the gateway asks for, else longer every time. */
export function waitBefore(attempt: number, response?: Response): number {
  const seconds = Number(response?.headers.get('Retry-After') ?? Number.NaN);
  const wait = Number.isNaN(seconds) ? FIRST_WAIT * 2 ** attempt : seconds * 1_000;
  return Math.min(wait, LONGEST_WAIT);
}

/** Rejects with the reason of the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
