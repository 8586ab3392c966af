/**
 * Servers as processes of this machine: a supervisor in this program, with everything that starts and ends its processes. Remote
 * servers are its connections.
 */
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { ServerActivity, ServerHost, StderrLine } from '../servers/host.ts';
import { createRemotePolicy, type RemotePolicy } from '../servers/remote-policy.ts';
import { ByteCount } from '../supervisor/byte-count.ts';
import { probeEras } from '../supervisor/era-probe.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import type { Launch } from '../supervisor/launch.ts';
import type { Limiter } from '../supervisor/limits/limiter.ts';
import { type LocalProcess, type StartProcess, spawnProcess } from '../supervisor/process.ts';
import { ProcessCount } from '../supervisor/process-count.ts';
import type { ProcessOwner } from '../supervisor/process-mark.ts';
import { createProcessPool, type PoolStatus } from '../supervisor/process-pool.ts';
import { createProcessRegistry } from '../supervisor/process-registry.ts';
import { createProcessTable, type ProcessTable } from '../supervisor/process-table.ts';
import { type OutOfMemory, outOfMemoryText } from '../supervisor/resource-limits.ts';
import { withSecretFiles } from '../supervisor/secret-files.ts';
import type { ServerDefinition } from '../supervisor/server-definition.ts';
import type { ServerMeasure } from '../supervisor/server-measure.ts';
import type { ProcessSource } from '../supervisor/server-process.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { probeRemote } from './remote-probe.ts';
import { createRemoteSource, type LoginSource } from './remote-source.ts';
import { ServerLog } from './server-log.ts';

export interface LocalHostOptions {
  /** Marks the processes as this program's; see `lockDataFolder`. */
  readonly owner: ProcessOwner;
  readonly table?: ProcessTable;
  readonly clock?: Clock;
  /** Where processes are started; without it, by this program. */
  readonly start?: StartProcess;
  /** Where remote servers may be; public hosts unless given. */
  readonly remote?: RemotePolicy;
  readonly logins?: LoginSource;
  /** Holds processes to the limits of their definitions; without it those with limits are not started. */
  readonly limiter?: Pick<Limiter, 'open'>;
  /** Told of every line that is kept of a server's standard error, secrets taken out. */
  readonly onLine?: (server: string, line: StderrLine) => void;
  /** Told of a process that ran out of memory. */
  readonly onOutOfMemory?: (of: Pick<ServerDefinition, 'name'>, pid: number, how: OutOfMemory) => void;
}

export interface LocalHost extends ServerHost {
  readonly supervisor: Supervisor;
  /** How much goes on at each server. */
  measure(): ServerMeasure[];
  /** How the processes of a server fare; undefined for unknown ids and remote servers. */
  poolStatus(id: string): PoolStatus | undefined;
  /** Ends every server and every process that was started. Idempotent. */
  close(options?: { readonly force: boolean }): Promise<void>;
}

/** What says how many processes or connections it has. */
type LiveSource = ProcessSource & { readonly live: number; readonly status?: PoolStatus; renew?(): void };

export function createLocalHost(options: LocalHostOptions): LocalHost {
  const {
    owner,
    clock = systemClock,
    table = createProcessTable(),
    start = spawnProcess,
    remote = createRemotePolicy([]),
  } = options;
  const network = { policy: remote, clock, ...(options.logins && { logins: options.logins }) };
  const registry = createProcessRegistry();
  const sources = new Map<string, LiveSource>();
  const logs = new Map<string, ServerLog>();
  const bytes = new Map<string, ByteCount>();
  const counts = new Map<string, ProcessCount>();

  const logOf = (id: string): ServerLog => {
    const log = logs.get(id) ?? new ServerLog();
    logs.set(id, log);
    return log;
  };
  const keep = (id: string, line: StderrLine): void => {
    logOf(id).add(line);
    options.onLine?.(id, line);
  };
  const bytesOf = (id: string): ByteCount => {
    const count = bytes.get(id) ?? new ByteCount();
    bytes.set(id, count);
    return count;
  };
  const countOf = (id: string): ProcessCount => {
    const count = counts.get(id) ?? new ProcessCount();
    counts.set(id, count);
    return count;
  };
  const spawn = async (
    definition: ServerDefinition,
    launch: Launch,
    { quiet }: { readonly quiet: boolean } = { quiet: false },
  ): Promise<LocalProcess> => {
    const { limits, id } = definition;
    const graces = { eof: limits.eofGrace, term: limits.termGrace };
    const started = await countOf(id).start(clock, async () => {
      const { launch: complete, secrets } = await withSecretFiles(launch, definition);
      const maxLineBytes = limits.lineBytes;
      const cell = openCell(definition, options.limiter);
      const how = { owner, table, clock, secrets, maxLineBytes, graces, registry };
      return await start(complete, { ...how, ...(cell && { cell }) });
    });
    void started.exited.then(({ outOfMemory }) => {
      if (!outOfMemory) return;
      const { pid } = started;
      keep(id, { at: Date.now(), pid, text: `[berth: ${outOfMemoryText(outOfMemory)}]` });
      options.onOutOfMemory?.(definition, pid, outOfMemory);
    });
    if (!quiet) started.onStderr((text) => keep(id, { at: Date.now(), pid: started.pid, text }));
    return started;
  };
  const supervisor = new Supervisor({
    clock,
    source: (definition) => {
      const bytes = bytesOf(definition.id);
      const counted = async (launch: Launch) => bytes.add(await spawn(definition, launch));
      const source = definition.remote
        ? createRemoteSource(definition, network, (connection) => {
            bytes.add(connection);
            void countOf(definition.id).start(clock, () => Promise.resolve(connection));
          })
        : createProcessPool({ definition, spawn: counted, clock });
      sources.set(definition.id, source);
      return source;
    },
  });

  return {
    supervisor,
    define: (definition) => supervisor.define(definition),
    probe: (definition, signal, { quiet } = { quiet: false }) => {
      const { limits, eras = [] } = definition;
      const [era] = eras.length === 1 ? eras : [];
      if (definition.remote) return probeRemote(definition, network, { eras, ...(signal && { signal }) });
      const { launch } = definition;
      // What a legacy server says about the question of the other era is of no use to anybody.
      const isQuiet = (asked: Era): boolean => quiet || (asked === 'modern' && era === undefined);
      return probeEras((asked) => spawn(definition, launch, { quiet: isQuiet(asked) }), {
        timeoutMs: limits.startTimeout,
        clock,
        eras,
        ...(signal && { signal }),
      });
    },
    renew: (id) => {
      sources.get(id)?.renew?.();
      const unused = supervisor.sessions(id).filter(({ report }) => report.kind === 'process');
      for (const one of unused) void one.end();
    },
    undefine: async (id, how) => {
      await supervisor.undefine(id, how);
      sources.delete(id);
      logs.delete(id);
    },
    sessions: (id) => supervisor.sessions(id).map(({ report }) => report),
    endSessions: async (id, session) => {
      const all = supervisor.sessions(id);
      const ending = session === undefined ? all : all.filter(({ report }) => report.id === session);
      await Promise.all(ending.map((one) => one.end()));
      return ending.length;
    },
    takeUsage: () => {
      const calls = supervisor.takeUsage();
      const taken = Array.from(calls, ([id, usage]) => [id, { ...usage, ...bytesOf(id).take() }] as const);
      for (const id of bytes.keys()) if (!calls.has(id)) bytes.delete(id);
      for (const id of counts.keys()) if (!calls.has(id)) counts.delete(id);
      return new Map(taken);
    },
    measure: () =>
      Array.from(supervisor.measure(), ([id, conversations]) => {
        const { live = 0, status } = sources.get(id) ?? {};
        const spare = status?.spares ?? 0;
        const processes = { used: live - spare, spare };
        return { ...conversations, processes, starts: countOf(id), bytes: bytesOf(id).total };
      }),
    poolStatus: (id) => sources.get(id)?.status,
    activity: (id) => {
      const found = toActivity(supervisor.activity(id), sources.get(id), clock);
      const { outOfMemory } = counts.get(id) ?? {};
      return found && outOfMemory ? { ...found, outOfMemory } : found;
    },
    stderr: (id, line) => logOf(id).listen(line),
    stderrTail: (id, lines): StderrLine[] => logs.get(id)?.tail(lines) ?? [],
    close: async (how = { force: false }) => {
      await supervisor.close(how);
      await registry.endAll(how);
    },
  };
}

/** A process that was to have limits never runs without them. */
function openCell({ resources }: ServerDefinition, limiter: Pick<Limiter, 'open'> | undefined) {
  if (!resources) return undefined;
  if (limiter) return limiter.open(resources);
  throw new BerthError('start-failed', 'processes cannot be limited here', {
    phase: 'spawn',
    hint: 'Leave resources out of the specification of the server.',
  });
}

function toActivity(
  activity: ReturnType<Supervisor['activity']>,
  source: LiveSource | undefined,
  clock: Clock,
): ServerActivity | undefined {
  if (!activity) return undefined;
  const { sessions, inUse, lastActivity } = activity;
  const processes = source?.live ?? 0;
  if (lastActivity === undefined) return { sessions, processes, inUse };
  return { sessions, processes, inUse, lastActivity: Date.now() - Math.round(clock.now() - lastActivity) };
}
