/** How much is going on at one server, as numbers; made when somebody asks. */
import type { UsageCount } from '../sessions/usage-count.ts';
import type { ByteUsage } from './byte-count.ts';
import type { ProcessCount } from './process-count.ts';

/** What its sessions say, those on replaced definitions included. */
export interface ConversationMeasure {
  readonly name: string;
  /** Since the beginning. */
  readonly usage: UsageCount;
  readonly kinds: Readonly<Record<'session' | 'pool' | 'modern', number>>;
  readonly callsInFlight: number;
  readonly parkedCalls: number;
  readonly bufferedBytes: number;
  /** Streams of events, with a reader and without. */
  readonly streams: { readonly attached: number; readonly none: number };
}

export interface ServerMeasure extends ConversationMeasure {
  readonly processes: { readonly used: number; readonly spare: number };
  readonly starts: ProcessCount;
  readonly bytes: ByteUsage;
}

export const NOTHING_GOES_ON: Omit<ConversationMeasure, 'name' | 'usage'> = {
  kinds: { session: 0, pool: 0, modern: 0 },
  callsInFlight: 0,
  parkedCalls: 0,
  bufferedBytes: 0,
  streams: { attached: 0, none: 0 },
};
