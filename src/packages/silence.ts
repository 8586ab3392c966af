/**
 * Registries that say nothing: who has sent no byte for a while is given up, and who sends slowly is waited for. Nothing here
 * limits how long a download may take.
 */
import { BerthError } from '../errors.ts';
import type { PackagePhase } from './package.ts';

/** Milliseconds without a byte, unless an operator gives more: with what came before, a start that must fail has failed within ten seconds. */
export const REGISTRY_SILENCE_MS = 5_000;

/** What is done while somebody must be heard. */
export interface Heard {
  /** Aborts when nothing has been heard for too long, or nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** Something has come. */
  heard(): void;
}

export interface ListenOptions {
  /** Milliseconds. */
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
  /** What is rejected with. */
  readonly silent: () => BerthError;
}

/** Rejects as soon as nothing has been heard for the given time, whatever the work does then. */
export async function whileHeard<T>(
  { silence, signal, silent }: ListenOptions,
  work: (heard: Heard) => Promise<T>,
): Promise<T> {
  const quiet = new AbortController();
  const failed = Promise.withResolvers<never>();
  let isHeard = false;
  const timer = setTimeout(() => {
    isHeard = false;
    // What has arrived while this program was busy is read first.
    setImmediate(() => {
      if (isHeard) return;
      failed.reject(silent());
      quiet.abort();
    });
  }, silence);
  const heard = (): void => {
    isHeard = true;
    timer.refresh();
  };
  const either = signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal;
  try {
    return await Promise.race([work({ signal: either, heard }), failed.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** `host`: of the registry, with its port. */
export function registrySilent(phase: PackagePhase, host: string, silence: number): BerthError {
  return new BerthError(
    phase === 'resolve' ? 'resolve-failed' : 'install-failed',
    `the registry ${host} has said nothing for ${silence / 1_000} s`,
    {
      phase,
      hint: `Check whether ${host} is well, and can be reached from here. An operator can give a slow one more time: packages.registrySilence.`,
    },
  );
}
