/** How a process of a server is ended. */
import type { BerthError } from '../errors.ts';

export interface StopOptions {
  /** At once, without its ladder. */
  readonly force?: boolean;
  /** What calls in flight are told; by default that the process was stopped. */
  readonly why?: BerthError;
}
