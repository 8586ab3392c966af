/** The servers of a cluster behind the API: ours, and the Deployments that were found. */
import { BerthError } from '../../errors.ts';
import type { StderrLine } from '../../servers/host.ts';
import type { ServerSpec } from '../../servers/server-spec.ts';
import type { HealthView, ServerView } from '../../servers/server-view.ts';
import type { Servers, WaitOptions } from '../../servers/servers.ts';
import type { SessionView } from '../../servers/session-view.ts';
import type { StartLog } from '../../servers/start-log.ts';
import { addUsage, NO_USAGE } from '../../servers/usage.ts';
import type { UsageReport } from '../../servers/usage-recorder.ts';
import type { ApiClient } from '../api-client.ts';
import type { McpServer } from '../mcp-server.ts';
import type { ClusterView } from './cluster-view.ts';
import type { DeploymentObject } from './foreign-deployment.ts';
import { ForeignServers } from './foreign-servers.ts';
import { OwnServers } from './own-servers.ts';
import { followPodLogs, readPodLogs } from './pod-logs.ts';
import type { Pod } from './replica-pod.ts';
import { endSessions, listSessions } from './replica-sessions.ts';
import { viewResource } from './resource-view.ts';
import { startLogOf } from './status-log.ts';

export interface ClusterServersOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly namespace: string;
  readonly publicUrl: () => string;
  readonly maxServers: number;
  /** Throws for a specification that may not be here. */
  readonly check: (spec: ServerSpec) => void;
  /** Milliseconds that somebody waits for replicas. */
  readonly readyWithin: number;
}

type Found =
  | { readonly ours: McpServer; readonly foreign?: never }
  | { readonly ours?: never; readonly foreign: DeploymentObject };

const DAY_MS = 24 * 3_600_000;
/** Names of objects in a cluster; those that Berth makes are shorter. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export class ClusterServers implements Servers {
  readonly #options: ClusterServersOptions;
  readonly #own: OwnServers;
  readonly #foreign: ForeignServers;
  /** Of starts that are under way. */
  readonly #startLogs = new Map<string, StartLog>();

  constructor(options: ClusterServersOptions) {
    this.#options = options;
    this.#own = new OwnServers(options);
    this.#foreign = new ForeignServers(options);
  }

  async run(spec: ServerSpec, options: WaitOptions = {}): Promise<{ server: ServerView; created: boolean }> {
    if (this.#foreign.find(spec.name) && !this.#own.find(spec.name)) throw foreignName(spec.name);
    const { resource, created } = await this.#own.run(spec, options);
    return { server: this.#view(resource), created };
  }

  async start(name: string, options: WaitOptions = {}): Promise<ServerView> {
    const { ours, foreign } = await this.#look(name);
    return foreign ? this.#foreign.start(foreign, options) : this.#view(await this.#own.start(ours, options));
  }

  async stop(name: string, options: { force?: boolean } = {}): Promise<ServerView> {
    const { ours, foreign } = await this.#look(name);
    return foreign ? this.#foreign.stop(foreign, options) : this.#view(await this.#own.stop(ours, options));
  }

  async restart(name: string, options: WaitOptions = {}): Promise<ServerView> {
    const { ours, foreign } = await this.#look(name);
    if (foreign) return this.#foreign.restart(foreign, options);
    return this.#view(await this.#own.restart(ours, options));
  }

  async scale(name: string, replicas: number, options: WaitOptions = {}): Promise<ServerView> {
    const { ours, foreign } = await this.#look(name);
    if (foreign) return this.#foreign.scale(foreign, replicas, options);
    return this.#view(await this.#own.scale(ours, replicas, options));
  }

  async remove(name: string, options: { force?: boolean } = {}): Promise<void> {
    const { ours } = await this.#look(name);
    if (!ours) throw notOurs(name, 'removed');
    await this.#own.remove(ours, options);
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

  /** The controller checks; this says what it found last. */
  async checkHealth(name: string): Promise<HealthView> {
    const { status } = await this.get(name);
    const { state, health, message, hint, failure, lastCheck } = status;
    return {
      ...{ state, health, message },
      ...(hint !== undefined && { hint }),
      ...(failure && { failure }),
      ...(lastCheck && { lastCheck }),
    };
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

  async logs(name: string, lines: number): Promise<StderrLine[]> {
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

  async #pods(name: string): Promise<readonly Pod[]> {
    const { ours, foreign } = this.#find(name);
    return foreign ? this.#foreign.pods(foreign) : this.#options.view.podsOf(ours.metadata.uid ?? '');
  }

  #ownId(name: string, what: string): string {
    const { ours } = this.#find(name);
    if (!ours) throw notOurs(name, what);
    return ours.metadata.uid ?? '';
  }

  #view(resource: McpServer): ServerView {
    return viewResource(resource, this.#options.publicUrl());
  }

  /** Another gateway may have made it a moment ago: what was not seen yet is asked for before it counts as absent. */
  async #look(name: string): Promise<Found> {
    try {
      return this.#find(name);
    } catch (absent) {
      const ours = isAbsence(absent) ? await this.#own.read(name.toLowerCase()) : undefined;
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
