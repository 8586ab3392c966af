/** The conversations of one server as an operator lists and ends them. */
import { BerthError } from '../errors.ts';
import { hashId } from '../log/ids.ts';
import type { Session } from '../sessions/session.ts';
import type { Upstream } from '../sessions/upstream.ts';
import type { ProcessReport, SessionReport } from './session-report.ts';

/** Letters of a revision: servers may send anything in its place. */
const VERSION_LENGTH = 64;

/** A session and who opened it. */
export interface OpenSession {
  readonly session: Session;
  readonly principal: string;
}

/** What a server has: the live tables, sessions by their nonce, the others by what they are shared under. */
export interface ServerParts {
  readonly sessions: ReadonlyMap<string, OpenSession>;
  readonly affinities: ReadonlyMap<string, OpenSession>;
  /** By principal. */
  readonly moderns: ReadonlyMap<string, OpenSession>;
  readonly shared: ReadonlyMap<
    string,
    { readonly upstream: Upstream; readonly idleSince: number | undefined }
  >;
}

/** One line of the list, and the way to end what it stands for. */
export interface ListedSession {
  readonly report: SessionReport;
  end(): Promise<void>;
}

/** Every session, every pool, and every shared process that no session is on. `now` is a reading of their clock. */
export function listSessions(
  { sessions, affinities, moderns, shared }: ServerParts,
  now: number,
): ListedSession[] {
  return [
    ...[...sessions].map(([nonce, open]) => listSession('session', nonce, open, now)),
    ...[...affinities].map(([key, open]) => listSession('pool', key, open, now)),
    ...[...moderns].map(([key, open]) => listSession('modern', key, open, now)),
    ...[...shared].flatMap(([key, { upstream, idleSince }]) =>
      upstream.members.size > 0 || upstream.failure
        ? []
        : [{ report: reportProcess({ key, upstream, idleSince, now }), end: () => upstream.stop() }],
    ),
  ];
}

function listSession(
  kind: 'session' | 'pool' | 'modern',
  key: string,
  { session, principal }: OpenSession,
  now: number,
): ListedSession {
  const { delivery, createdAt, callsInFlight, bufferedBytes, streams, lane } = session.facts;
  const processes = [...(lane?.upstreams ?? [])].flatMap(reportUpstream);
  const { protocolVersion, lostNotifications, lastActivity } = session;
  const report: SessionReport = {
    id: hashId(key),
    kind,
    state: lane === undefined ? 'opening' : callsInFlight > 0 ? 'busy' : 'idle',
    delivery,
    principal,
    ...(protocolVersion !== undefined && { protocolVersion: protocolVersion.slice(0, VERSION_LENGTH) }),
    ageMs: Math.round(now - createdAt),
    idleMs: Math.round(now - lastActivity),
    callsInFlight,
    queuedBytes: queuedOf(processes),
    bufferedBytes,
    heldBytes: streams.reduce((sum, { heldBytes }) => sum + heldBytes, 0),
    lostNotifications,
    processes,
  };
  return { report, end: () => session.end(endedByOperator()) };
}

interface UnusedProcess {
  readonly key: string;
  readonly upstream: Upstream;
  readonly idleSince: number | undefined;
  readonly now: number;
}

function reportProcess({ key, upstream, idleSince, now }: UnusedProcess): SessionReport {
  const processes = reportUpstream(upstream);
  return {
    id: hashId(key),
    kind: 'process',
    state: 'unused',
    ageMs: Math.round(now - (upstream.process?.startedAt ?? now)),
    idleMs: Math.round(now - (idleSince ?? now)),
    callsInFlight: upstream.callsInFlight,
    queuedBytes: queuedOf(processes),
    bufferedBytes: 0,
    heldBytes: 0,
    lostNotifications: 0,
    processes,
  };
}

/** Nothing while its process is being started. */
function reportUpstream({ process, stats }: Upstream): ProcessReport[] {
  if (!process || !stats) return [];
  const { messagesIn, messagesOut, noiseLines } = stats;
  return [{ pid: process.pid, queuedBytes: process.channel.queued, messagesIn, messagesOut, noiseLines }];
}

function queuedOf(processes: readonly ProcessReport[]): number {
  return processes.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
}

function endedByOperator(): BerthError {
  return new BerthError('unknown-session', 'the session was ended by an operator');
}
