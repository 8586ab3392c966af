/** What the data plane tells of its conversations to whoever makes spans of their calls. */
import type { IncomingMessage } from 'node:http';
import type { Conversation } from '../sessions/conversation.ts';

export interface TracedClient {
  /** Name of the server. */
  readonly server: string;
  /** Session nonce; absent for clients without a session. */
  readonly session?: string;
  /** Whose headers belong to every call of the conversation; absent on streams of messages. */
  readonly request?: IncomingMessage;
  /** Answers come on the session's one stream, which may be another gateway's. */
  readonly delivery?: 'single';
}

export interface CallTracer {
  /** The same conversation, each of whose calls becomes a span. */
  watch(conversation: Conversation, client: TracedClient): Conversation;
}

/** The conversation as it is where nobody traces. */
export function traced(
  { tracer }: { readonly tracer?: CallTracer },
  conversation: Conversation,
  {
    server,
    request,
    delivery,
  }: {
    readonly server: { readonly name: string };
    readonly request?: IncomingMessage;
    readonly delivery?: TracedClient['delivery'] | undefined;
  },
  session?: string,
): Conversation {
  if (!tracer) return conversation;
  return tracer.watch(conversation, {
    server: server.name,
    ...(session !== undefined && { session }),
    ...(request && { request }),
    ...(delivery && { delivery }),
  });
}
