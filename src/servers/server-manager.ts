/** All servers of this gateway: create, start, stop, remove, look up, and bring back after a restart. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { Packages } from '../packages/package.ts';
import type { PackageRules } from '../packages/package-rules.ts';
import type { FindLack, ResourceLimits } from '../supervisor/resource-limits.ts';
import type { ServerDefinition, ServerLimits } from '../supervisor/server-definition.ts';
import { DEFAULT_LIMITS } from '../supervisor/server-definition.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { type CheckView, type HealthStore, KEPT_CHECKS, viewCheck } from './health-history.ts';
import type { ServerHost, StderrLine } from './host.ts';
import type { ManagedServerTools, ServerEntry } from './managed-server.ts';
import { ManagedServer } from './managed-server.ts';
import type { RemotePolicy } from './remote-policy.ts';
import { createRemotePolicy } from './remote-policy.ts';
import type { SecretSource } from './secret-reference.ts';
import { systemSecrets } from './secret-reference.ts';
import type { ServerFacts } from './server-census.ts';
import type { HealthLimits } from './server-health.ts';
import type { Gates, PlanRules } from './server-plan.ts';
import { planServer } from './server-plan.ts';
import type { ServerStore } from './server-record.ts';
import type { ServerSpec } from './server-spec.ts';
import { isSameSpec } from './server-spec.ts';
import type { HealthView, ServerView } from './server-view.ts';
import { viewHealth, viewServer } from './server-view.ts';
import type { Servers, StopOptions, WaitOptions } from './servers.ts';
import type { SessionView } from './session-view.ts';
import { viewSession } from './session-view.ts';
import { StartCount } from './start-count.ts';
import type { StartLog } from './start-log.ts';
import { Turns } from './turns.ts';
import type { UsageRecorder, UsageReport } from './usage-recorder.ts';

export interface ServerManagerOptions {
  readonly packages: Packages;
  readonly host: ServerHost;
  readonly store: ServerStore;
  /** Keeps the health checks of servers; without it only the newest of each is known. */
  readonly checks?: HealthStore;
  readonly templates: TemplateCatalogue;
  readonly usage: Pick<UsageRecorder, 'of'>;
  /** Base of every URL that is answered; a function where the port is known only later. */
  readonly publicUrl: string | (() => string);
  /** Folder of the private homes. */
  readonly homes: string;
  readonly allow: Gates;
  /** Which packages may be had; all of them unless given. */
  readonly packageRules?: PackageRules;
  /** Where remote servers may be; public hosts unless given. */
  readonly remote?: RemotePolicy;
  /** What holds where a specification says nothing; `DEFAULT_LIMITS` for the rest. */
  readonly limits?: Partial<ServerLimits>;
  /** The same for memory and processors; the whole machine unless given. */
  readonly resources?: ResourceLimits;
  /** What of a process cannot be limited on this machine; nothing can, unless given. */
  readonly findLack?: FindLack;
  /** Servers at one time, stopped ones included. */
  readonly maxServers: number;
  /** What holds where a specification says nothing. */
  readonly health: HealthLimits;
  /** Told when a server has failed as many health checks as it may. */
  readonly onDegraded?: (definition: ServerDefinition, failure: BerthError) => void;
  /** Told of the id of each server that is gone for good. */
  readonly onRemoved?: (id: string) => void;
  /** Starts at one time; further ones wait as `pending`. */
  readonly parallelStarts: number;
  readonly secrets?: SecretSource;
  readonly clock?: Clock;
}

/** Milliseconds between looks for remote servers of which what is known has become old. */
const REFRESH_EVERY = 5 * 60_000;

export class ServerManager implements Servers {
  readonly #options: ServerManagerOptions;
  readonly #tools: ManagedServerTools;
  readonly #rules: PlanRules;
  readonly #servers = new Map<string, ManagedServer>();
  readonly #stopRefreshing: () => void;
  readonly #watching = new Set<(name: string) => void>();
  #closed = false;
  /** Of all servers since the beginning. */
  readonly starts = new StartCount();

  constructor(options: ServerManagerOptions) {
    this.#options = options;
    const turns = new Turns(options.parallelStarts);
    const clock = options.clock ?? systemClock;
    const { templates, allow, remote = createRemotePolicy([]) } = options;
    const { packageRules: rules, findLack } = options;
    this.#rules = {
      ...{ templates, allow, remote },
      ...(rules && { packages: rules }),
      ...(findLack && { findLack }),
    };
    this.#tools = {
      packages: options.packages,
      host: options.host,
      store: options.store,
      secrets: options.secrets ?? systemSecrets,
      homes: options.homes,
      clock,
      turn: (signal) => turns.take(signal),
      starts: this.starts,
      changed: (name) => this.#tell(name),
      allow,
      remote,
      health: options.health,
      ...(options.checks && { checks: options.checks }),
      ...(options.onDegraded && { onDegraded: options.onDegraded }),
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      resources: options.resources ?? {},
      successor: (name) => templates.findByPackage(name)?.slug,
    };
    this.#stopRefreshing = clock.every(REFRESH_EVERY, () => this.#refresh());
  }

  /** Loads what was there before and starts what was meant to run. Resolves when all those starts have begun, not ended. */
  async restore(): Promise<void> {
    for (const record of this.#options.store.list()) {
      const server = new ManagedServer(record, this.#tools);
      this.#servers.set(record.name, server);
      if (record.desired === 'running') await this.#begin(server, true);
    }
  }

  /**
   * Creates and starts a server; the same specification again starts the one that is there, and another one takes the
   * place of a server that has never come through a start, so that a corrected command just works.
   * Throws `conflict` when the name is taken by another one, `limit-reached`, what `planServer` throws, and with `wait` the failure of the start.
   */
  async run(spec: ServerSpec, options: WaitOptions = {}): Promise<{ server: ServerView; created: boolean }> {
    this.#checkOpen();
    await this.#makeWay(spec);
    // From here to the creation nothing may be awaited: two calls for one name make one server.
    const existing = this.#servers.get(spec.name);
    if (existing && !isSameSpec(existing.record.spec, spec)) throw taken(spec.name);
    const server = existing ?? this.#create(spec);
    await this.#begin(server, false);
    if (options.wait) await server.ready(options.signal);
    return { server: this.#view(server), created: existing === undefined };
  }

  /** Throws `not-found`, `not-allowed`, and with `wait` the failure of the start. */
  async start(name: string, options: WaitOptions = {}): Promise<ServerView> {
    const server = this.#get(name);
    this.#checkOpen();
    await server.begin(options);
    if (options.wait) await server.ready(options.signal);
    return this.#view(server);
  }

  /** Ends sessions and processes; `force` skips the grace. Idempotent. Throws `not-found`. */
  async stop(name: string, { force = false, onlyIf }: StopOptions = {}): Promise<ServerView> {
    const server = this.#get(name);
    await server.stop({ force, onlyIf });
    return this.#view(server);
  }

  /** New processes for it. Throws `not-found`, and with `wait` the failure of the start. */
  async restart(name: string, options: WaitOptions = {}): Promise<ServerView> {
    const { onlyIf, ...start } = options;
    await this.#get(name).stop({ force: false, onlyIf });
    return await this.start(name, start);
  }

  /** One machine has one replica: 0 stops it, 1 starts it. Throws `not-found` and `not-allowed`. */
  async scale(name: string, replicas: number, options: WaitOptions = {}): Promise<ServerView> {
    if (replicas === 0) return await this.stop(name, { onlyIf: options.onlyIf });
    if (replicas === 1) return await this.start(name, options);
    this.#get(name);
    throw new BerthError('not-allowed', `one machine runs one replica of a server, not ${replicas}`, {
      hint: 'Each session has a process of its own here; copies of a server need a Kubernetes cluster.',
    });
  }

  /** Stops it and forgets it. Throws `not-found`. */
  async remove(name: string, { force = false, onlyIf }: StopOptions = {}): Promise<void> {
    const server = this.#get(name);
    await server.remove({ force, onlyIf });
    this.#forget(server);
    this.#options.onRemoved?.(server.record.id);
  }

  /** Throws `not-found`. */
  get(name: string): ServerView {
    return this.#view(this.#get(name));
  }

  /** All servers, by name. */
  list(): ServerView[] {
    return [...this.#servers.values()]
      .map((server) => this.#view(server))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Undefined where there is no such server. */
  peek(name: string): ServerView | undefined {
    const server = this.#servers.get(name);
    return server && this.#view(server);
  }

  /** Calls `listener` with the name of a server of which something is new; returns the unsubscribe. */
  watch(listener: (name: string) => void): () => void {
    this.#watching.add(listener);
    return () => this.#watching.delete(listener);
  }

  /** Its conversations, and its shared processes that no session is on, oldest first. Throws `not-found`. */
  sessions(name: string): SessionView[] {
    const now = Date.now();
    return this.#options.host.sessions(this.#get(name).record.id).map((report) => viewSession(report, now));
  }

  /** Ends one of {@link sessions}. Throws `not-found`. */
  async endSession(name: string, session: string): Promise<void> {
    const { id } = this.#get(name).record;
    if ((await this.#options.host.endSessions(id, session)) > 0) return;
    const hint = `List what there is with: berth sessions ${name}.`;
    throw new BerthError('not-found', `${name} has no session ${JSON.stringify(session)}`, { hint });
  }

  /** Ends all of {@link sessions}; resolves with their number. Throws `not-found`. */
  async endSessions(name: string): Promise<number> {
    return await this.#options.host.endSessions(this.#get(name).record.id);
  }

  /** Makes a check of a server that runs (one at a time), and says how it is. Throws `not-found`. */
  async checkHealth(name: string): Promise<HealthView> {
    const server = this.#get(name);
    await server.health.check();
    return viewHealth(server);
  }

  /** How its checks came out, newest first, those before a restart of the gateway as well. Throws `not-found`. */
  checks(name: string): CheckView[] {
    const { record, health } = this.#get(name);
    const kept = this.#options.checks?.list(record.id, KEPT_CHECKS);
    return (kept ?? (health.last ? [health.last] : [])).map(viewCheck);
  }

  /** How much it was used in the last so many days, today included. Throws `not-found`. */
  usage(name: string, days: number): UsageReport {
    return this.#options.usage.of(this.#get(name).record.id, days);
  }

  /** For the data plane: what it needs to know, without building anything. */
  find(name: string): ServerEntry | undefined {
    return this.#servers.get(name)?.entry;
  }

  /** What is known of each server, without building anything. */
  census(): ServerFacts[] {
    return Array.from(this.#servers.values(), factsOf);
  }

  /** What happened in the newest start, and what still happens. Throws `not-found`. */
  startLog(name: string): StartLog {
    return this.#get(name).log;
  }

  /** The newest stderr lines, oldest first; of a failed start when no process was left behind. Throws `not-found`. */
  logs(name: string, lines: number): StderrLine[] {
    const { record } = this.#get(name);
    if (lines === 0) return [];
    const tail = this.#options.host.stderrTail(record.id, lines);
    if (tail.length > 0) return tail;
    return (record.failure?.stderr ?? [])
      .slice(-lines)
      .map((text) => ({ at: record.stoppedAt ?? record.createdAt, pid: 0, text }));
  }

  /** Calls `line` for every further stderr line; returns the unsubscribe. Throws `not-found`. */
  followLogs(name: string, line: (line: StderrLine) => void): () => void {
    return this.#options.host.stderr(this.#get(name).record.id, line);
  }

  /** Keys of the trees that servers run from: what a collection must keep. */
  treeKeys(): Set<string> {
    return new Set([...this.#servers.values()].flatMap(({ record }) => record.treeKey ?? []));
  }

  /** Gives up starts under way; what was meant to run stays so for the next gateway. Idempotent. The host is its owner's to close. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopRefreshing();
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }

  #refresh(): void {
    for (const server of this.#servers.values()) void server.refresh();
  }

  /** Removes a server of this name that has another specification and has never run. */
  async #makeWay(spec: ServerSpec): Promise<void> {
    const existing = this.#servers.get(spec.name);
    if (!existing || isSameSpec(existing.record.spec, spec)) return;
    if (existing.state !== 'failed' || existing.record.report !== undefined) return;
    // What cannot be planned must not cost the server that is there.
    planServer(spec, this.#rules);
    await existing.remove({ force: false });
    this.#forget(existing);
  }

  #forget(server: ManagedServer): void {
    const { name } = server.record;
    if (this.#servers.get(name) !== server) return;
    this.#servers.delete(name);
    this.#tell(name);
  }

  #tell(name: string): void {
    for (const listener of this.#watching) listener(name);
  }

  #checkOpen(): void {
    if (this.#closed) throw new BerthError('stopped', 'the gateway is stopping');
  }

  #create(spec: ServerSpec): ManagedServer {
    const plan = planServer(spec, this.#rules);
    const limit = this.#options.maxServers;
    if (this.#servers.size >= limit) {
      throw new BerthError(
        'limit-reached',
        `there are ${this.#servers.size} servers, and ${limit} is the limit`,
        { hint: 'Remove one with berth rm, or raise the setting limits.servers.' },
      );
    }
    const record = {
      id: randomUUID(),
      name: spec.name,
      spec,
      plan,
      desired: 'stopped',
      createdAt: Date.now(),
    } as const;
    const server = new ManagedServer(record, this.#tools);
    this.#options.store.save(record);
    this.#servers.set(spec.name, server);
    return server;
  }

  async #begin(server: ManagedServer, trustReport: boolean): Promise<void> {
    this.#checkOpen();
    await server.begin({ trustReport });
  }

  #get(name: string): ManagedServer {
    const server = this.#servers.get(name);
    if (server) return server;
    throw new BerthError('not-found', `there is no server ${JSON.stringify(name)}`);
  }

  #view(server: ManagedServer): ServerView {
    const { record, state, log, health } = server;
    const { host, publicUrl } = this.#options;
    return viewServer({
      record,
      state,
      health,
      activity: host.activity(record.id),
      resources: { ...this.#tools.resources, ...record.plan.resources },
      events: log.events,
      publicUrl: typeof publicUrl === 'string' ? publicUrl : publicUrl(),
    });
  }
}

function factsOf({ record, state, health }: ManagedServer): ServerFacts {
  const { name, report } = record;
  const { last } = health;
  return {
    name,
    state: viewHealth({ record, state, health }).state,
    ...(report && {
      capabilities: Object.keys(report.capabilities).length,
      tools: report.tools?.length ?? 0,
    }),
    ...(last && { check: { passed: last.failures === 0, at: last.at } }),
  };
}

function taken(name: string): BerthError {
  return new BerthError('conflict', `there is a server ${name} already, with another specification`, {
    hint: `Use another name (berth run --name …), or remove it: berth rm ${name}.`,
  });
}
