/** What the API says about one conversation of a server. */
import type { SessionReport } from '../supervisor/session-report.ts';

export interface SessionView extends Omit<SessionReport, 'delivery' | 'ageMs' | 'idleMs'> {
  readonly transport?: string;
  readonly era?: 'legacy' | 'modern';
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly lastActivity: string;
}

/** First revision of the modern era. */
const MODERN = '2026-07-28';

/** What the supervisor knows of a client's transport: one stream for everything is SSE or WebSocket. */
const TRANSPORT = { streams: 'streamable-http', single: 'sse or websocket' } as const;

/** `now`: milliseconds since the epoch at which the report was made. */
export function viewSession(report: SessionReport, now: number): SessionView {
  const { id, kind, state, delivery, principal, protocolVersion, ageMs, idleMs, ...counts } = report;
  return {
    id,
    kind,
    state,
    ...(delivery && { transport: TRANSPORT[delivery] }),
    ...(principal !== undefined && { principal }),
    ...(kind === 'modern' && { era: 'modern' }),
    ...(protocolVersion !== undefined && { era: eraOf(protocolVersion), protocolVersion }),
    createdAt: new Date(now - ageMs).toISOString(),
    lastActivity: new Date(now - idleMs).toISOString(),
    ...counts,
  };
}

/** The era of a revision. */
export function eraOf(protocolVersion: string): 'legacy' | 'modern' {
  return protocolVersion < MODERN ? 'legacy' : 'modern';
}
