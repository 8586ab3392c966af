/** What every channel over HTTP is given. */
import type { Clock } from '../clock.ts';
import type { BerthError } from '../errors.ts';
import type { HttpEndpoint } from './http-client.ts';

/** A request that brought no answer: what its caller is told, and what the server said, if it said anything. */
export interface ChannelFailure {
  readonly error: BerthError;
  readonly status?: number;
  readonly body?: Buffer;
}

export interface HttpOptions {
  readonly endpoint: HttpEndpoint;
  /** Bytes of one message from the server. */
  readonly maxLineBytes: number;
  readonly clock?: Clock;
  /** Takes secrets out of what the server says in its refusals. */
  readonly scrub?: (text: string) => string;
  /** Told of every request that was refused or lost, before its caller is. */
  readonly onFailure?: (failure: ChannelFailure) => void;
  /** Told of the end, before the holder is. */
  readonly onEnd?: () => void;
}
