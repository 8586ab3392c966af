/** Picks the load client of a transport. */
import type { BenchLane } from '../lanes.ts';
import { HttpSession } from './http-session.ts';
import { ModernSession } from './modern-session.ts';
import { type BenchSession, initializeBody, type Target, type Transport } from './session.ts';
import { SseSession } from './sse-session.ts';
import { WsSession } from './ws-session.ts';

export function createSession(transport: Transport, target: Target, lane?: BenchLane): BenchSession {
  if (lane?.client === 'modern')
    return transport === 'ws'
      ? new WsSession(target, lane.capabilities)
      : new ModernSession(target, lane.capabilities);
  if (lane) return new HttpSession(target, initializeBody(lane.capabilities));
  switch (transport) {
    case 'http':
      return new HttpSession(target);
    case 'sse':
      return new SseSession(target);
    case 'ws':
      return new WsSession(target);
  }
}
