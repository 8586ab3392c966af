/** The servers of a cluster behind the API: ours, and the Deployments that were found. */
import { type Clock, systemClock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import type { CheckView } from '../../servers/health-history.ts';
import type { LogLine, StderrLine } from '../../servers/host.ts';
import type { ServerSpec } from '../../servers/server-spec.ts';
import type { HealthView, ServerView } from '../../servers/server-view.ts';
import {
  type Condition,
  checkCondition,
  type Servers,
  type StopOptions,
  type WaitOptions,
} from '../../servers/servers.ts';
import type { SessionView } from '../../servers/session-view.ts';
import type { StartLog } from '../../servers/start-log.ts';
import { addUsage, NO_USAGE } from '../../servers/usage.ts';
import type { UsageReport } from '../../servers/usage-recorder.ts';
import type { ApiClient } from '../api-client.ts';
import type { McpServer } from '../mcp-server.ts';
import { childName } from '../objects/naming.ts';
import { DEPLOYMENTS, MCP_SERVERS } from '../resources.ts';
import type { ClusterView } from './cluster-view.ts';
import { changeExactly } from './exact-client.ts';
import type { DeploymentObject } from './foreign-deployment.ts';
import { ForeignServers } from './foreign-servers.ts';
import { NameLookups } from './name-lookups.ts';
import { OwnServers } from './own-servers.ts';
import { type EventSubject, followPodEvents, readPodEvents } from './pod-events.ts';
import { followPodLogs, readPodLogs } from './pod-logs.ts';
import { checkReplicas } from './replica-checks.ts';
import type { Pod } from './replica-pod.ts';
import { endSessions, listSessions } from './replica-sessions.ts';
import { revisionOf, viewResource } from './resource-view.ts';
import { startLogOf } from './status-log.ts';

export interface ClusterServersOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly namespace: string;
  /** Labels that Deployments of others must have. */
  readonly discover?: readonly string[];
  readonly publicUrl: () => string;
  readonly maxServers: number;
  /** Throws for a specification that may not be here. */
  readonly check: (spec: ServerSpec) => void;
  /** Milliseconds that somebody waits for replicas. */
  readonly readyWithin: number;
  readonly clock?: Clock;
}

type Found =
  | { readonly ours: McpServer; readonly foreign?: never }
  | { readonly ours?: never; readonly foreign: DeploymentObject };

/** One verb, for a server of ours and for one that was found. */
interface Verbs<T> {
  readonly own: (servers: OwnServers, resource: McpServer) => Promise<T>;
  readonly foreign: (servers: ForeignServers, deployment: DeploymentObject) => Promise<T>;
}

const DAY_MS = 24 * 3_600_000;
/** Names of objects in a cluster; those that Berth makes are shorter. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export class ClusterServers implements Servers {
  readonly #options: ClusterServersOptions;
  readonly #own: OwnServers;
  readonly #foreign: ForeignServers;
  readonly #lookups: NameLookups;
  /** Of starts that are under way. */
  readonly #startLogs = new Map<string, StartLog>();

  constructor(options: ClusterServersOptions) {
    this.#options = options;
    this.#own = new OwnServers(options);
    this.#foreign = new ForeignServers(options);
    this.#lookups = new NameLookups({
      read: (name, signal) => this.#own.read(name, signal),
      clock: options.clock ?? systemClock,
    });
  }

  async run(spec: ServerSpec, options: WaitOptions = {}): Promise<{ server: ServerView; created: boolean }> {
    if (this.#foreign.find(spec.name) && !this.#own.find(spec.name)) throw foreignName(spec.name);
    const { resource, created } = await this.#own.run(spec, options);
    return { server: this.#view(resource), created };
  }

  async start(name: string, options: WaitOptions = {}): Promise<ServerView> {
    return await this.#change(name, options, {
      own: async (servers, resource) => this.#view(await servers.start(resource, options)),
      foreign: (servers, deployment) => servers.start(deployment, options),
    });
  }

  async stop(name: string, options: StopOptions = {}): Promise<ServerView> {
    return await this.#change(name, options, {
      own: async (servers, resource) => this.#view(await servers.stop(resource, options)),
      foreign: (servers, deployment) => servers.stop(deployment, options),
    });
  }

  async restart(name: string, options: WaitOptions = {}): Promise<ServerView> {
    return await this.#change(name, options, {
      own: async (servers, resource) => this.#view(await servers.restart(resource, options)),
      foreign: (servers, deployment) => servers.restart(deployment, options),
    });
  }

  async scale(name: string, replicas: number, options: WaitOptions = {}): Promise<ServerView> {
    return await this.#change(name, options, {
      own: async (servers, resource) => this.#view(await servers.scale(resource, replicas, options)),
      foreign: (servers, deployment) => servers.scale(deployment, replicas, options),
    });
  }

  async remove(name: string, options: StopOptions = {}): Promise<void> {
    await this.#change<void>(name, options, {
      own: (servers, resource) => servers.remove(resource, options),
      foreign: () => Promise.reject(notOurs(name, 'removed')),
    });
  }

  async get(name: string): Promise<ServerView> {
    const { ours, foreign } = await this.#look(name);
    return foreign ? this.#foreign.view(foreign) : this.#view(ours);
  }

  async list(): Promise<ServerView[]> {
    const ours = this.#options.view.servers.map((resource) => this.#view(resource));
    const names = new Set(ours.map(({ name }) => name));
    const others = (await this.#foreign.list()).filter(({ name }) => !names.has(name));
    return [...ours, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  peek(name: string): ServerView | Promise<ServerView> | undefined {
    const ours = this.#own.find(name);
    if (ours) return this.#view(ours);
    const foreign = this.#foreign.find(name);
    return foreign && this.#foreign.view(foreign);
  }

  /** What is there when everything has been listed once is told, too. */
  watch(listener: (name: string) => void): () => void {
    const { view } = this.#options;
    let left = false;
    const unwatch = view.changes.watch(listener);
    view.synced.then(
      () => {
        if (left) return;
        for (const { metadata } of [...view.servers, ...view.deployments]) listener(metadata.name ?? '');
      },
      () => {},
    );
    return () => {
      left = true;
      unwatch();
    };
  }

  async sessions(name: string): Promise<SessionView[]> {
    return listSessions(this.#options.view.replicas, this.#ownId(name, 'asked for sessions'));
  }

  async endSession(name: string, session: string): Promise<void> {
    const id = this.#ownId(name, 'asked for sessions');
    if ((await endSessions(this.#options.view.replicas, id, session)) > 0) return;
    const hint = `List what there is with: berth sessions ${name}.`;
    throw new BerthError('not-found', `${name} has no session ${JSON.stringify(session)}`, { hint });
  }

  async endSessions(name: string): Promise<number> {
    return endSessions(this.#options.view.replicas, this.#ownId(name, 'asked for sessions'));
  }

  /** Makes a check of every replica. Where none can be asked, this says what its controller has found last. */
  async checkHealth(name: string): Promise<HealthView> {
    const { ours } = this.#find(name);
    const { replicas } = this.#options.view;
    const made = ours && (await checkReplicas(replicas, ours.metadata.uid ?? ''));
    const known = await this.#lastHealth(name);
    return made ? { ...known, ...made } : known;
  }

  async #lastHealth(name: string): Promise<HealthView> {
    const { status } = await this.get(name);
    const { state, health, message, hint, failure, lastCheck } = status;
    return {
      state,
      health,
      message,
      ...(hint !== undefined && { hint }),
      ...(failure && { failure }),
      ...(lastCheck && { lastCheck }),
    };
  }

  /** The newest one, as its status has it; what became of the server is told by Events. */
  async checks(name: string): Promise<CheckView[]> {
    const { health, lastCheck, failure } = await this.#lastHealth(name);
    if (!lastCheck || health === 'unknown') return [];
    return [{ ...lastCheck, health, ...(failure && { failure }) }];
  }

  /** As the controller's leader heard last from the replicas. */
  usage(name: string, days: number): UsageReport {
    const { ours } = this.#find(name);
    if (!ours) throw notOurs(name, 'asked for its use');
    const since = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
    const found = (ours.status?.usage?.days ?? []).filter(({ day }) => day >= since);
    return { days: found, sum: found.map(({ day: _day, ...counts }) => counts).reduce(addUsage, NO_USAGE) };
  }

  startLog(name: string): StartLog {
    const { ours } = this.#find(name);
    if (!ours) throw notOurs(name, 'followed in its start');
    const known = this.#startLogs.get(name);
    if (known) return known;
    const { log, ended } = startLogOf(this.#options.view, name, () => this.#startLogs.delete(name));
    if (!ended) this.#startLogs.set(name, log);
    return log;
  }

  async logs(name: string, lines: number): Promise<LogLine[]> {
    return readPodLogs(this.#options.client, await this.#pods(name), lines);
  }

  followLogs(name: string, line: (line: StderrLine) => void): () => void {
    this.#find(name);
    const ending = new AbortController();
    this.#pods(name).then(
      (pods) => followPodLogs(this.#options.client, pods, { line, signal: ending.signal }),
      // Who reads has had the lines so far; what cannot be listed any more cannot be followed.
      () => {},
    );
    return () => ending.abort();
  }

  async happenings(name: string): Promise<LogLine[]> {
    return readPodEvents(this.#options, this.#subject(name));
  }

  followHappenings(name: string, line: (line: LogLine) => void): () => void {
    return followPodEvents(this.#options, this.#subject(name), line);
  }

  #subject(name: string): EventSubject {
    const { ours, foreign } = this.#find(name);
    const { name: exact = '' } = (ours ?? foreign).metadata;
    return { name: exact, deployment: ours ? childName({ name: exact }) : exact };
  }

  async #pods(name: string): Promise<readonly Pod[]> {
    const { ours, foreign } = this.#find(name);
    return foreign ? this.#foreign.pods(foreign) : this.#options.view.podsOf(ours.metadata.uid ?? '');
  }

  #ownId(name: string, what: string): string {
    const { ours } = this.#find(name);
    if (!ours) throw notOurs(name, what);
    return ours.metadata.uid ?? '';
  }

  /** What is meant for one version of a server is decided by what the API server says, not by what was seen last. */
  async #change<T>(name: string, condition: Condition, verbs: Verbs<T>): Promise<T> {
    const { ours, foreign } = await this.#look(name);
    if (!condition.onlyIf)
      return await (foreign ? verbs.foreign(this.#foreign, foreign) : verbs.own(this.#own, ours));
    const { client } = this.#options;
    const { namespace, name: exact = '' } = (ours ?? foreign).metadata;
    const target = { namespace, name: exact };
    if (foreign)
      return await changeExactly<DeploymentObject, T>({
        client,
        kind: DEPLOYMENTS,
        target,
        check: ({ metadata }) =>
          checkCondition(condition, { id: metadata.uid ?? '', revision: String(metadata.generation ?? 0) }),
        change: (deployment, exactly) =>
          verbs.foreign(new ForeignServers({ ...this.#options, client: exactly }), deployment),
      });
    return await changeExactly<McpServer, T>({
      client,
      kind: MCP_SERVERS,
      target,
      check: (resource) =>
        checkCondition(condition, { id: resource.metadata.uid ?? '', revision: revisionOf(resource) }),
      change: (resource, exactly) =>
        verbs.own(new OwnServers({ ...this.#options, client: exactly }), resource),
    });
  }

  #view(resource: McpServer): ServerView {
    return viewResource(resource, this.#options.publicUrl());
  }

  /** Another gateway may have made it a moment ago: what was not seen yet is asked for before it counts as absent. */
  async #look(name: string): Promise<Found> {
    try {
      return this.#find(name);
    } catch (absent) {
      const ours = isAbsence(absent) ? await this.#lookups.ask(name.toLowerCase()) : undefined;
      if (ours) return { ours };
      throw absent;
    }
  }

  #find(given: string): Found {
    const name = given.toLowerCase();
    if (!NAME.test(name)) throw badName();
    const ours = this.#own.find(name);
    if (ours) return { ours };
    const foreign = this.#foreign.find(name);
    if (foreign) return { foreign };
    throw new BerthError('not-found', `there is no server ${JSON.stringify(name)}`);
  }
}

function badName(): BerthError {
  const detail = 'must be ASCII letters, digits, dashes and dots, with a letter or a digit at either end';
  return new BerthError('bad-input', `the name of a server ${detail}`, {
    fields: [{ pointer: '/name', detail }],
  });
}

function foreignName(name: string): BerthError {
  return new BerthError('conflict', `there is a Deployment ${name} already that Berth did not make`, {
    hint: 'Use another name, or start that one.',
  });
}

function notOurs(name: string, what: string): BerthError {
  return new BerthError('not-allowed', `${name} was not made by Berth and cannot be ${what} here`, {
    hint: 'It can be started, stopped, scaled and restarted; everything else is its owner’s.',
  });
}

function isAbsence(thrown: unknown): boolean {
  return thrown instanceof BerthError && thrown.code === 'not-found';
}
