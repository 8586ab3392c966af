/** The lanes of legacy clients on a server that speaks the modern era only, and the processes that several of them share. */
import type { Clock } from '../clock.ts';
import { chooseModern } from '../sessions/lanes/downgrade/choose.ts';
import { DowngradeLane } from '../sessions/lanes/downgrade/lane.ts';
import type { Use } from '../sessions/lanes/downgrade/processes.ts';
import type { Lane, LaneHost } from '../sessions/lanes/lane.ts';
import { type Chooser, Upstream } from '../sessions/upstream.ts';
import { mostProcesses } from './room.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { ProcessSource } from './server-process.ts';
import { type SharedUpstream, SharedUpstreams } from './shared-upstreams.ts';

export interface DowngradeLanesOptions {
  readonly definition: ServerDefinition;
  readonly source: ProcessSource;
  readonly clock: Clock;
}

export class DowngradeLanes {
  readonly #options: DowngradeLanesOptions;
  readonly #shared: SharedUpstreams;

  constructor(options: DowngradeLanesOptions) {
    this.#options = options;
    const { idle } = options.definition.limits;
    const open = (): Upstream => this.#start(chooseModern);
    this.#shared = new SharedUpstreams({ open, most: mostProcesses(options.definition), idle });
  }

  /** What several sessions share, by key. */
  get shared(): ReadonlyMap<string, SharedUpstream> {
    return this.#shared.entries;
  }

  /** The lane of a session, on the process that the isolation says (data-path.md 5.3). */
  open(host: LaneHost, principal: string): Lane {
    const { isolation } = this.#options.definition;
    switch (isolation) {
      case 'session':
        return this.#lane(host, 'private', () => this.#start(privately));
      case 'principal':
        return this.#lane(host, 'shared', () => this.#shared.get(principal));
      case 'shared':
        return this.#lane(host, 'shared', () => this.#shared.get(''));
      case 'call':
        return this.openSessionless(host);
    }
  }

  /** The lane of clients without a session. */
  openSessionless(host: LaneHost): Lane {
    const use = this.#options.definition.isolation === 'call' ? 'per-call' : 'sessionless';
    return this.#lane(host, use, () => this.#start(() => []));
  }

  sweep(now: number): void {
    this.#shared.sweep(now);
  }

  close(options: { readonly force: boolean }): Promise<void> {
    return this.#shared.close(options);
  }

  #lane(host: LaneHost, use: Use, open: () => Upstream): Lane {
    const { clock, definition } = this.#options;
    const { subscriptions } = definition.limits;
    return new DowngradeLane({ host, use, open, clock, serverName: definition.name, subscriptions });
  }

  #start(choose: Chooser): Upstream {
    return new Upstream(this.#options.source.acquire(), choose);
  }
}

const privately: Chooser = (members, kind) => (kind === 'request' ? [] : members);
