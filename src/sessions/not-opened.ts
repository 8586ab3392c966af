import { BerthError } from '../errors.ts';

/** What a session answers before its `initialize`. */
export function notOpened(): BerthError {
  return new BerthError('invalid-request', 'the first message of a session must be initialize');
}
