/** What the API server refuses for good: it is told in the status of the server, in the words of who refuses it. */
import { type ApiStatus, apiStatusOf } from '../cluster/api-status.ts';
import { BerthError } from '../errors.ts';
import { type Problem, quotaProblem } from './problem.ts';

/** Objects that are not valid or too large, rights that are missing, quotas and policies. */
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 413, 422]);

/** Undefined for what may pass by itself: that is to be tried again at once. */
export function apiRefusal(thrown: unknown): Problem | undefined {
  const status = apiStatusOf(thrown);
  if (!status || !(thrown instanceof BerthError) || !isRefusal(thrown, status)) return undefined;
  const { message } = thrown;
  return (
    quotaProblem(message) ?? {
      reason: 'Refused',
      message,
      hint:
        thrown.code === 'cluster-refused'
          ? thrown.hint
          : 'Change what the message names, such as spec.resources or spec.placement.',
      phase: 'schedule',
      waits: false,
    }
  );
}

/** Who refuses on admission may do so under another status. */
function isRefusal({ code }: BerthError, status: ApiStatus): boolean {
  return REFUSALS.has(status.code) || (code === 'cluster-refused' && status.code !== 401);
}
