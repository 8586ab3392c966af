/** Whose a message of a modern server's own is, among the lanes on its process. */
import type { ClientMessage } from '../../message.ts';
import type { UpstreamMember } from '../../upstream.ts';

/** A lane that can tell whether one of its calls may make the server log. */
export interface LoggingMember extends UpstreamMember {
  readonly logs?: boolean;
}

/**
 * A modern server has no requests. What belongs to a subscription names it, and its lane knows the name. A log names
 * nobody: it is delivered while the calls of one lane only may be its cause.
 */
export function chooseModern(
  members: ReadonlySet<LoggingMember>,
  kind: 'request' | 'notification',
  { envelope }: ClientMessage,
): Iterable<UpstreamMember> {
  if (kind === 'request') return [];
  if (envelope.method !== 'notifications/message') return members;
  const logging = [...members].filter(({ logs }) => logs);
  return logging.length === 1 ? logging : [];
}
