/** All servers of a supervisor that is its own program: what gateways reach of them, and what those who ask are told. */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../clock.ts';
import type { BerthError } from '../../errors.ts';
import type { ConversationHost } from '../../link/in-process.ts';
import { addUsage, NO_USAGE, type Usage } from '../../servers/usage.ts';
import type { QuestionedHost } from '../../supervisor/answer-question.ts';
import type { SupervisedServer } from '../../supervisor/definition-file.ts';
import type { HandshakeReport } from '../../supervisor/handshake-report.ts';
import type { FailureReport, ServerReport } from '../../supervisor/server-report.ts';
import type { HealthSource } from '../../supervisor/supervisor-health.ts';
import { isFailing } from '../../supervisor/supervisor-status.ts';
import type { LocalHost } from '../local-host.ts';
import { PodServer } from './pod-server.ts';
import { createWaitingHost } from './waiting-host.ts';

export interface PodServersOptions {
  readonly host: LocalHost;
  readonly servers: readonly SupervisedServer[];
  readonly clock?: Clock;
  /** Brings the tree of a server that has one, before its first process. */
  readonly bring?: (tree: NonNullable<SupervisedServer['tree']>) => Promise<void>;
  /** Told whenever a server may fare otherwise than before. */
  readonly changed: () => void;
}

export interface PodServers extends ConversationHost, QuestionedHost, HealthSource {
  /** From now on reports say so. */
  draining(): void;
  /** No further handshakes. Idempotent. */
  close(): void;
}

const RUN_BYTES = 9;

/** Begins with a handshake of each server. */
export function createPodServers(options: PodServersOptions): PodServers {
  const { host, clock = systemClock, bring, changed } = options;
  const servers = new Map<string, PodServer>();
  let isDraining = false;
  for (const definition of options.servers) {
    const { tree } = definition;
    const prepare = tree && bring && ((): Promise<void> => bring(tree));
    servers.set(
      definition.id,
      new PodServer({ definition, host, clock, changed, ...(prepare && { prepare }) }),
    );
  }
  const run = randomBytes(RUN_BYTES).toString('base64url');
  const usage = new Map<string, Usage>();
  const usageOf = (id: string): Usage => {
    for (const [one, taken] of host.takeUsage()) usage.set(one, addUsage(usage.get(one) ?? NO_USAGE, taken));
    return usage.get(id) ?? NO_USAGE;
  };
  const failureOf = (id: string): BerthError | undefined => {
    const own = servers.get(id)?.failure;
    if (own) return own;
    const pool = host.poolStatus(id);
    return pool && isFailing({ pool }) ? pool.reason : undefined;
  };
  const stateOf = (server: PodServer, failure: BerthError | undefined): ServerReport['state'] => {
    if (isDraining) return 'draining';
    if (server.resting) return 'resting';
    if (failure) return 'failing';
    return server.report ? 'ready' : 'starting';
  };
  return {
    ...createWaitingHost(host.supervisor, (id) => {
      const server = servers.get(id);
      return server && (() => server.closed);
    }),
    sessions: (id) => host.sessions(id),
    endSessions: (id, session) => host.endSessions(id, session),
    rest: (id) => {
      const server = servers.get(id);
      if (!server || host.activity(id)?.inUse !== false) return false;
      server.rest();
      return true;
    },
    holds: (id, principal) => host.supervisor.holds(id, principal),
    report: (id) => {
      const server = servers.get(id);
      if (!server) return undefined;
      const failure = failureOf(id);
      const clients = host.sessions(id).filter(({ kind }) => kind !== 'process');
      const { processes = 0, inUse = false, lastActivity } = host.activity(id) ?? {};
      return {
        state: stateOf(server, failure),
        sessions: clients.length,
        processes,
        inUse,
        ...(lastActivity !== undefined && { idleMs: Math.max(0, Date.now() - lastActivity) }),
        ...(server.report && { handshake: toHandshake(server.report) }),
        ...checkOf(server),
        usage: { run, ...usageOf(id) },
        ...(failure && { failure: toFailureReport(failure) }),
      };
    },
    fares: (id) => {
      const server = servers.get(id);
      const { sessions = 0, processes = 0 } = host.activity(id) ?? {};
      const pool = host.poolStatus(id);
      const failure = server?.failure;
      return {
        open: server?.report !== undefined,
        fetching: server?.preparing === true,
        sessions,
        processes,
        ...(pool && { pool }),
        ...(failure && { failure }),
      };
    },
    draining: () => {
      isDraining = true;
    },
    close: () => {
      for (const server of servers.values()) server.close();
    },
  };
}

/** What a capability holds may be large, and nobody asks for it. */
function toHandshake({ capabilities, ...report }: HandshakeReport): NonNullable<ServerReport['handshake']> {
  return { ...report, capabilities: Object.keys(capabilities).slice(0, MOST_CAPABILITIES) };
}

function checkOf({ check }: PodServer): Pick<ServerReport, 'check'> {
  if (!check) return {};
  const { at, ms, failures } = check;
  return { check: { ageMs: Math.max(0, Date.now() - at), ms, failures } };
}

/** The schema of the resource takes as many. */
const MOST_CAPABILITIES = 64;
/** Lines of standard error that a status has room for. */
const STDERR_LINES = 20;

function toFailureReport(error: BerthError): FailureReport {
  const { phase, exitCode, signal, stderr } = error.details;
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    ...(phase && { phase }),
    ...(typeof exitCode === 'number' && { exitCode }),
    ...(typeof signal === 'string' && { signal }),
    ...(stderr && stderr.length > 0 && { stderr: stderr.slice(-STDERR_LINES) }),
  };
}
