/** The link: the one multiplexed connection between a gateway replica and a supervisor. */

import type { Conversation, ConversationTarget } from '../sessions/conversation.ts';
import type { LinkQuestion } from './question.ts';

export interface Link {
  /** Cheap: makes or finds the handle, sends nothing. */
  conversation(target: ConversationTarget): Conversation;
  /** Asks the supervisor; absent where it is in the same program. Rejects with BerthError, `busy` when no answer comes. */
  ask?(question: LinkQuestion): Promise<unknown>;
  /** Ends the link; readers get `lost`. Sessions live on in the supervisor, unless that is `gone`: then readers get `ended`. Idempotent. */
  close(options?: { readonly gone: boolean }): Promise<void>;
}
