/**
 * A channel: duplex stream of messages between a supervisor and one MCP server.
 *
 * Whatever lies behind it (a pipe, HTTP, an in-memory pair), the contract is this file, and `test/contract/channel.ts`
 * runs over every implementation.
 */
import type { Envelope } from '../jsonrpc/envelope.ts';

/** Why a channel ended. */
export interface ChannelEnd {
  readonly reason: 'closed' | 'peer-closed' | 'failed';
  readonly cause?: unknown;
}

export interface ChannelHandler {
  /**
   * One JSON-RPC message, in order: its exact bytes without line break, and their envelope. The buffer is the receiver's to keep.
   * `call`: raw id of the request on whose own stream it came, where the channel has such streams (HTTP).
   */
  message(bytes: Buffer, envelope: Envelope, call?: string): void;
  /**
   * A message longer than the limit was thrown away; `id` is its raw id (latin1 of its bytes), as far as it could be read: that of a call
   * which it answers, or its own where it `asks` for something.
   */
  oversized(id: string | undefined, bytes: number, asks: boolean): void;
  /** Bytes that are no JSON-RPC message (counted by the channel, never forwarded). */
  noise(line: Buffer): void;
  /** The outgoing queue fell below its mark after {@link Channel.send} had returned false. */
  drain(): void;
  /** Called once, after the last message. */
  end(end: ChannelEnd): void;
}

/** `in` is what came from the server, `out` what it was sent. */
export interface ChannelStats {
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Bytes of messages, noise left out. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly noiseLines: number;
  readonly oversized: number;
}

export interface Channel {
  /** Sets the receiver; nothing is delivered before. Called once. */
  start(handler: ChannelHandler): void;
  /**
   * Queues one message given as consecutive parts (no line break inside; the channel frames it). What one turn of the event
   * loop queues leaves in one write; `alone` says that nothing else is to be expected and the message need not wait for it.
   * Returns false when the queue has passed its mark: stop until {@link ChannelHandler.drain}. After the end it is a no-op that returns true.
   */
  send(parts: readonly Uint8Array[], alone?: boolean): boolean;
  /** Stops reading from the server (it will block on its own writes); messages already read may still be delivered. */
  pause(): void;
  resume(): void;
  /** Bytes queued towards the server and not yet taken by it. */
  readonly queued: number;
  readonly stats: ChannelStats;
  /** Half-closes towards the server and stops delivering. Idempotent. */
  close(): Promise<void>;
}
