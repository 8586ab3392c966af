/** What a call of the API fails with. */
import type { Problem } from './generated/types.ts';

export class BerthApiError extends Error {
  /** As in the document; `unreachable` also where nobody answered. */
  readonly code: Problem['code'];
  /** HTTP status; 0 where nobody answered. */
  readonly status: number;
  /** What to do about it. */
  readonly hint: string;
  /** All that the gateway said. */
  readonly problem: Problem | undefined;

  constructor(
    message: string,
    of: Pick<BerthApiError, 'code' | 'status' | 'hint'> & ErrorOptions,
    problem?: Problem,
  ) {
    super(message, of.cause === undefined ? undefined : { cause: of.cause });
    this.name = 'BerthApiError';
    this.code = of.code;
    this.status = of.status;
    this.hint = of.hint;
    this.problem = problem;
  }
}

export function toApiError(problem: Problem): BerthApiError {
  const { detail, code, status, hint } = problem;
  return new BerthApiError(detail, { code, status, hint }, problem);
}

export function unreachable(message: string, cause?: unknown): BerthApiError {
  const hint = 'Check the address, and that the gateway runs.';
  return new BerthApiError(message, { code: 'unreachable', status: 0, hint, cause });
}
