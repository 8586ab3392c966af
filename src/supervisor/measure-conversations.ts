/** Adds up what the conversations of a server hold. */

import { type ConversationMeasure, NOTHING_GOES_ON } from './server-measure.ts';
import type { OpenSession, ServerParts } from './session-list.ts';

type Sums = Omit<ConversationMeasure, 'name' | 'usage'>;

/** `parts`: of the server and of what it has replaced. */
export function measureConversations(parts: readonly ServerParts[]): Sums {
  const kinds = { ...NOTHING_GOES_ON.kinds };
  const streams = { ...NOTHING_GOES_ON.streams };
  let [callsInFlight, parkedCalls, bufferedBytes] = [0, 0, 0];
  const add = (kind: keyof Sums['kinds'], { session }: OpenSession): void => {
    const facts = session.facts;
    kinds[kind]++;
    callsInFlight += facts.callsInFlight;
    bufferedBytes += facts.bufferedBytes;
    parkedCalls += facts.lane?.parkedCalls ?? 0;
    for (const { reader } of facts.streams) streams[reader ? 'attached' : 'none']++;
  };
  for (const { sessions, affinities, moderns } of parts) {
    for (const open of sessions.values()) add('session', open);
    for (const open of affinities.values()) add('pool', open);
    for (const open of moderns.values()) add('modern', open);
  }
  return { kinds, streams, callsInFlight, parkedCalls, bufferedBytes };
}
