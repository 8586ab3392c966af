/** The end of a listen that its server, or whoever is in between, ends without being asked (2026-07-28, subscriptions). */
import { resultMessage } from './message.ts';

/** Under the client's own id, in both places where it stands; its client listens anew. */
export function completedListen(rawId: string): Buffer {
  return resultMessage(
    rawId,
    `{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":${rawId}}}`,
  );
}
