/** Picks the load client of a transport. */
import { HttpSession } from './http-session.ts';
import type { BenchSession, Target, Transport } from './session.ts';
import { SseSession } from './sse-session.ts';
import { WsSession } from './ws-session.ts';

export function createSession(transport: Transport, target: Target): BenchSession {
  switch (transport) {
    case 'http':
      return new HttpSession(target);
    case 'sse':
      return new SseSession(target);
    case 'ws':
      return new WsSession(target);
  }
}
