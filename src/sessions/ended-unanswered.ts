/** What is told of a call whose supervisor, or pod, ended before it answered. */
import { BerthError } from '../errors.ts';

export function endedUnanswered(): BerthError {
  return new BerthError(
    'process-exited',
    'the server ended before it answered; it is not known whether the call was carried out',
    { hint: 'Find out whether it was before you make the call again.' },
  );
}
