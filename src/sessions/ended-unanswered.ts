/** What is told of a call whose supervisor, or pod, ended before it answered, or before it took it. */
import { BerthError } from '../errors.ts';

export function endedUnanswered(): BerthError {
  return new BerthError(
    'process-exited',
    'the server ended before it answered; it is not known whether the call was carried out',
    { hint: 'Find out whether it was before you make the call again.' },
  );
}

/** Nothing has begun, or nothing of it is left: it goes to another replica, or wakes the server. */
export function nothingTaken(): BerthError {
  return new BerthError('resting', 'the replica ended before it took this');
}
