/** The in-process carrier: no bytes at all, the supervisor's conversations are handed over as they are. */
import type { Conversation, ConversationTarget } from '../sessions/conversation.ts';
import type { Link } from './link.ts';

/** What a carrier needs of a supervisor. */
export interface ConversationHost {
  conversation(target: ConversationTarget): Conversation;
}

/** Links a gateway to a supervisor in the same program. */
export function createInProcessLink(supervisor: ConversationHost): Link {
  return {
    conversation: (target) => supervisor.conversation(target),
    close: () => Promise.resolve(),
  };
}
