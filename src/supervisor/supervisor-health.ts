/** Watches how a supervisor fares, and keeps its status file: where it is in its life, the helper of its pod, its servers. */
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { SupervisorConfig } from './definition-file.ts';
import { holdSpawnPresence, type SpawnPresence } from './spawn-presence.ts';
import { keepStatusFile, type StatusFile } from './status-file.ts';
import {
  isFailing,
  type ServerFare,
  type ServerStatus,
  type SupervisorState,
  statusText,
} from './supervisor-status.ts';

/** What is asked about the servers. */
export interface HealthSource {
  fares(id: string): ServerFare;
}

export interface SupervisorHealth {
  /** New sessions are wanted, and can be had. */
  readonly ready: boolean;
  /** Gateways are served from now on, by this host. */
  serving(host: HealthSource): void;
  /** A server may fare otherwise than before. */
  changed(): void;
  /** No new sessions are wanted; those that exist may finish. */
  draining(): void;
  /** Says for the last time how it is: `failure` is why it could not start. Idempotent. */
  close(failure?: BerthError): void;
}

type Config = Pick<SupervisorConfig, 'servers' | 'spawn' | 'status' | 'terminationLog'>;

/** Begins to watch, and to hold the helper's presence connection where the configuration names one. */
export function watchHealth(config: Config, clock: Clock): SupervisorHealth {
  return new Health(config, clock);
}

class Health implements SupervisorHealth {
  readonly #config: Config;
  readonly #presence: SpawnPresence | undefined;
  readonly #file: StatusFile | undefined;
  #phase: 'starting' | 'serving' | 'draining' | 'stopped' = 'starting';
  #host: HealthSource | undefined;
  #wasPresent = false;
  #failure: BerthError | undefined;

  constructor(config: Config, clock: Clock) {
    const { spawn, status: path, terminationLog: copy } = config;
    this.#config = config;
    const text = (): string => this.#text();
    this.#file =
      path === undefined ? undefined : keepStatusFile({ path, text, clock, ...(copy && { copy }) });
    this.#presence = spawn && holdSpawnPresence({ ...spawn, clock, changed: () => this.#helperChanged() });
  }

  get ready(): boolean {
    return this.#state(this.#servers) === 'ready';
  }

  serving(host: HealthSource): void {
    this.#host = host;
    this.#enter('serving');
  }

  changed(): void {
    if (this.#phase === 'serving') this.#file?.update();
  }

  draining(): void {
    this.#enter('draining');
  }

  close(failure?: BerthError): void {
    if (this.#phase === 'stopped') return;
    this.#failure = failure;
    this.#phase = 'stopped';
    this.#presence?.close();
    this.#file?.close();
  }

  #enter(phase: 'serving' | 'draining'): void {
    if (this.#phase === 'stopped') return;
    this.#phase = phase;
    this.#file?.update();
  }

  #helperChanged(): void {
    this.#wasPresent ||= this.#presence?.present === true;
    this.#file?.update();
  }

  #text(): string {
    const servers = this.#servers;
    const failure = this.#failure ?? this.#helperFailure();
    return statusText({ state: this.#state(servers), servers, ...(failure && { failure }) });
  }

  get #servers(): ServerStatus[] {
    const host = this.#host;
    return host ? this.#config.servers.map(({ id, name }) => ({ name, ...host.fares(id) })) : [];
  }

  #state(servers: readonly ServerStatus[]): SupervisorState {
    if (this.#phase !== 'serving') return this.#phase;
    // A pod's containers start in any order.
    if (this.#presence?.present === false) return this.#wasPresent ? 'failing' : 'starting';
    if (servers.some(isFailing)) return 'failing';
    return servers.every(({ open }) => open) ? 'ready' : 'starting';
  }

  #helperFailure(): BerthError | undefined {
    const { spawn } = this.#config;
    if (!spawn || this.#phase !== 'serving' || this.#presence?.present) return undefined;
    return new BerthError('start-failed', `no berth-spawn answers at ${spawn.socket}`, {
      phase: 'spawn',
      hint: 'Look at the workload container of the pod: its state, its last log lines, its --peer-uid.',
    });
  }
}
