/** The link: the one multiplexed connection between a gateway replica and a supervisor. */
import type { Conversation, ConversationTarget } from '../sessions/conversation.ts';

export interface Link {
  /** Cheap: makes or finds the handle, sends nothing. */
  conversation(target: ConversationTarget): Conversation;
  /** Ends the link; readers get `lost`. Sessions live on in the supervisor. Idempotent. */
  close(): Promise<void>;
}
