/** All servers of a supervisor that is its own program: what gateways reach of them, and what those who ask are told. */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import type { ConversationHost } from '../../link/in-process.ts';
import { type FailureRecord, toFailure } from '../../servers/server-record.ts';
import { addUsage, NO_USAGE, type Usage } from '../../servers/usage.ts';
import type { QuestionedHost } from '../../supervisor/answer-question.ts';
import type { SupervisedServer } from '../../supervisor/definition-file.ts';
import type { HandshakeReport } from '../../supervisor/handshake-report.ts';
import type { ServerReport } from '../../supervisor/server-report.ts';
import type { HealthSource } from '../../supervisor/supervisor-health.ts';
import { isFailing } from '../../supervisor/supervisor-status.ts';
import type { LocalHost } from '../local-host.ts';
import { toFailureReport } from './failure-report.ts';
import { PodServer } from './pod-server.ts';
import { PodTrial, type PodTrialOptions } from './pod-trial.ts';
import type { TrialHost } from './trial-host.ts';
import { createWaitingHost } from './waiting-host.ts';

export interface PodServersOptions {
  readonly host: LocalHost;
  readonly servers: readonly SupervisedServer[];
  readonly clock?: Clock;
  /** Brings the tree of a server that has one, before its first process. */
  readonly bring?: (tree: NonNullable<SupervisedServer['tree']>) => Promise<void>;
  /** Of packages that are tried; absent where there is no helper. */
  readonly trials?: TrialHost;
  /** Told whenever a server may fare otherwise than before. */
  readonly changed: () => void;
}

export interface PodServers extends ConversationHost, QuestionedHost, HealthSource {
  /** From now on reports say so. */
  draining(): void;
  /** Whether an end has to wait: for everything that clients have; of a server that is there no more for calls in hand alone. */
  isUsed(id: string): boolean;
  /** No further handshakes. Idempotent. */
  close(): void;
}

const RUN_BYTES = 9;
/** Milliseconds, less than those of a question. */
const CHECK_WITHIN = 8_000;

/** Begins with a handshake of each server. */
export function createPodServers(options: PodServersOptions): PodServers {
  const { host, clock = systemClock, bring, changed } = options;
  const servers = new Map<string, PodServer | PodTrial>();
  const removed = new Set<string>();
  let isDraining = false;
  for (const definition of options.servers) {
    const { tree } = definition;
    const prepare = tree && bring && ((): Promise<void> => bring(tree));
    const common = { clock, changed, ...(prepare && { prepare }) };
    servers.set(
      definition.id,
      definition.inspection
        ? openTrial(definition, { ...common, trials: options.trials })
        : new PodServer({ definition, host, ...common }),
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
  const stateOf = (server: PodServer | PodTrial, failure: BerthError | undefined): ServerReport['state'] => {
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
    inspection: (id) => {
      const server = servers.get(id);
      return server instanceof PodTrial ? server.inspection : undefined;
    },
    holds: (id, principal) => host.supervisor.holds(id, principal),
    hasTask: (id, principal, task) => host.supervisor.hasTask(id, principal, task),
    removed: (id) => {
      if (!servers.has(id)) return false;
      removed.add(id);
      return true;
    },
    isUsed: (id) =>
      removed.has(id)
        ? host.sessions(id).some(({ callsInFlight }) => callsInFlight > 0)
        : host.activity(id)?.inUse === true,
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
    check: async (id) => {
      const server = servers.get(id);
      if (!(server instanceof PodServer)) return undefined;
      const over = await isOver(server.makeCheck(), clock);
      const { failure = server.failure } = server.check ?? {};
      return {
        over,
        ...checkOf(server),
        ...(failure && { failure: toFailureReport(toError(failure)) }),
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

function openTrial(
  { launch, ...definition }: SupervisedServer,
  {
    trials,
    ...common
  }: Pick<PodTrialOptions, 'clock' | 'changed'> & {
    readonly prepare?: () => Promise<void>;
    readonly trials: TrialHost | undefined;
  },
): PodTrial {
  if (launch && trials)
    return new PodTrial({
      definition: { ...definition, launch } as PodTrialOptions['definition'],
      host: trials,
      ...common,
    });
  throw new BerthError('bad-setting', 'what is tried is a program that is started by the helper of its pod');
}

/** Whether it is over within the time of a question. */
async function isOver(check: Promise<void>, clock: Clock): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const cancel = clock.after(CHECK_WITHIN, () => late.resolve(false));
  try {
    return await Promise.race([check.then(() => true), late.promise]);
  } finally {
    cancel();
  }
}

function toError(failure: FailureRecord | BerthError): BerthError {
  return failure instanceof BerthError ? failure : toFailure(failure);
}

/** What a capability holds may be large, and nobody asks for it. */
function toHandshake({ capabilities, ...report }: HandshakeReport): NonNullable<ServerReport['handshake']> {
  return { ...report, capabilities: Object.keys(capabilities).slice(0, MOST_CAPABILITIES) };
}

function checkOf({ check }: Pick<PodServer, 'check'>): Pick<ServerReport, 'check'> {
  if (!check) return {};
  const { at, ms, failures } = check;
  return { check: { ageMs: Math.max(0, Date.now() - at), ms, failures } };
}

/** The schema of the resource takes as many. */
const MOST_CAPABILITIES = 64;
