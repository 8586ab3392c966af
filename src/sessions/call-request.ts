/** What a gateway hands over with a client's request. */
import type { ClientMessage } from './message.ts';

/** What stands beside the message of a modern client. */
export interface ModernCall {
  /** Values of the `Mcp-Param-*` headers by the lower-case rest of their names, decoded; absent where the transport has no headers. */
  readonly params?: Readonly<Record<string, string>>;
  /** The parked call that `requestState` names, as its seal said. */
  readonly resume?: { readonly call: string; readonly round: number };
  /** Streamable HTTP unless given. */
  readonly transport?: 'websocket' | 'api';
}

/** A request (or batch) from a client: everything in it is taken together. */
export interface CallRequest {
  /** The exchange key, minted by the gateway: a repeated call with the same key is the same call. */
  readonly key: string;
  readonly messages: readonly ClientMessage[];
  readonly batch: boolean;
  /** Position after which a repeated call wants the events. */
  readonly after?: number;
  /** What a transport knows of a modern client's request beside its message. */
  readonly modern?: ModernCall;
}
