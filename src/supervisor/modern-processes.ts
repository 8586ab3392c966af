/** Which process of a server serves which modern clients (data-path.md 5.4), for as long as somebody uses it. */
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { taskIdOf } from '../sessions/lanes/modern/named-task.ts';
import { RelayProcess } from '../sessions/lanes/modern/relay-process.ts';
import type { ServingProcess } from '../sessions/lanes/modern/serving.ts';
import { UpgradeProcess } from '../sessions/lanes/upgrade/process.ts';
import {
  clientInfoOf,
  listenedTasks,
  rawCapabilities,
  toLegacyCapabilities,
} from '../sessions/lanes/upgrade/requests.ts';
import type { Interactive } from '../sessions/lanes/upgrade/turns.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { StopOptions } from '../sessions/stop-options.ts';
import { Upstream, type UpstreamMember } from '../sessions/upstream.ts';
import { mostProcesses, tooManyProcesses } from './room.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { ProcessSource } from './server-process.ts';

/** Processes of one principal: a client chooses the capabilities that tell them apart. */
const MOST_PER_PRINCIPAL = 16;
/** What a client declares is kept with its process, and with its spelling. */
const MOST_CAPABILITIES = 64 * 1024;
/** Spellings of capabilities that are remembered with what they mean. */
const MOST_SPELLINGS = 256;

interface Held {
  readonly process: ServingProcess;
  readonly principal: string;
  /** Serves one request only. */
  readonly once: boolean;
  /** Clock reading since which nobody uses it. */
  idleSince: number | undefined;
}

export class ModernProcesses {
  readonly #definition: ServerDefinition;
  readonly #source: ProcessSource;
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();
  readonly #spellings = new Map<string, string>();
  /** Of this version of the server. */
  readonly #interactive: Interactive = { value: false };
  #count = 0;

  constructor(definition: ServerDefinition, source: ProcessSource, clock: Clock) {
    this.#definition = definition;
    this.#source = source;
    this.#clock = clock;
  }

  /** The server speaks the clients' own era. */
  get speaksModern(): boolean {
    return this.#definition.eras?.includes('modern') === true;
  }

  get inUse(): boolean {
    for (const { process } of this.#held.values()) if (process.inUse) return true;
    return false;
  }

  /** The processes that serve this principal. */
  upstreamsOf(principal: string): Upstream[] {
    return [...this.#held.values()].flatMap(({ process, principal: owner }) =>
      process.upstream && (owner === principal || owner === '') ? [process.upstream] : [],
    );
  }

  /** Something here is that principal's and nobody else's: a process, or a task on one that serves everybody. */
  holds(principal: string): boolean {
    return [...this.#held.values()].some(
      ({ process, principal: owner }) =>
        (owner === principal && process.upstream !== undefined) || process.hasTasks?.(principal) === true,
    );
  }

  hasTask(principal: string, task: string): boolean {
    return [...this.#held.values()].some(({ process }) => process.hasTask?.(task, principal) === true);
  }

  /** The process for a request; throws `limit-reached` when there are too many. */
  for(principal: string, message: ClientMessage): ServingProcess {
    const { isolation } = this.#definition;
    const once = isolation === 'call';
    const owner = isolation === 'shared' ? '' : principal;
    // On a process that everybody shares nobody can be asked.
    const capabilities = isolation === 'shared' ? '{}' : this.#capabilities(message);
    const identity = this.speaksModern ? owner : `${owner}\n${capabilities}`;
    const key = once ? `${++this.#count}\n${owner}` : identity;
    const known = this.#withTask(owner, principal, message) ?? this.#held.get(key);
    if (known) {
      known.idleSince = undefined;
      return known.process;
    }
    this.#admit(owner);
    const process = this.#start(capabilities, isolation === 'shared' ? undefined : clientInfoOf(message));
    this.#held.set(key, { process, principal: owner, once, idleSince: undefined });
    return process;
  }

  /** Ends what nobody has used for the idle time of a session. `now` is a clock reading. */
  sweep(now: number): void {
    const { idle } = this.#definition.limits;
    for (const [key, held] of this.#held) {
      if (held.process.inUse) held.idleSince = undefined;
      else if (held.once || (held.idleSince !== undefined && now - held.idleSince >= idle))
        this.#end(key, held);
      else held.idleSince ??= now;
    }
  }

  /** Nobody listens here any more. */
  endListens(): void {
    for (const { process } of this.#held.values()) process.endListens();
  }

  async stop(options: StopOptions): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(all.map(({ process }) => process.stop(options)));
  }

  /** Where the task runs that a request is about; throws when only the server could tell whose it is, and serves everybody. */
  #withTask(owner: string, principal: string, message: ClientMessage): Held | undefined {
    const { method } = message.envelope;
    if (!this.speaksModern) return undefined;
    if (method === 'subscriptions/listen') return this.#withListenedTasks(owner, principal, message);
    if (!method.startsWith('tasks/')) return undefined;
    const task = taskIdOf(message);
    const held = task === undefined ? undefined : this.#holderOf(task, owner, principal);
    if (!held && owner !== principal) throw noTask();
    return held;
  }

  /** A listen hears of tasks, too: on a process that serves everybody, of its own principal's only. */
  #withListenedTasks(owner: string, principal: string, message: ClientMessage): undefined {
    if (owner === principal) return;
    for (const task of listenedTasks(message))
      if (typeof task !== 'string' || !this.#holderOf(task, owner, principal)) throw noTask();
  }

  #holderOf(task: string, owner: string, principal: string): Held | undefined {
    for (const held of this.#held.values())
      if (held.principal === owner && held.process.hasTask?.(task, principal)) return held;
    return undefined;
  }

  #start(capabilities: string, clientInfo: string | undefined): ServingProcess {
    const open = (member: UpstreamMember): Upstream =>
      new Upstream(this.#source.acquire(), (_members, kind) =>
        kind === 'request' && this.speaksModern ? [] : [member],
      );
    if (this.speaksModern) return new RelayProcess({ open, clock: this.#clock });
    const interactive = this.#interactive;
    const { startTimeout } = this.#definition.limits;
    return new UpgradeProcess({
      open,
      clock: this.#clock,
      capabilities,
      clientInfo,
      startTimeout,
      interactive,
    });
  }

  /** The same capabilities in another spelling are the same. */
  #capabilities(message: ClientMessage): string {
    if (this.speaksModern) return '';
    const raw = rawCapabilities(message);
    if (raw.length > MOST_CAPABILITIES)
      throw new BerthError(
        'invalid-params',
        `the capabilities of the client have more than ${MOST_CAPABILITIES} bytes`,
      );
    const known = this.#spellings.get(raw);
    if (known !== undefined) return known;
    const canonical = toLegacyCapabilities(raw);
    if (this.#spellings.size >= MOST_SPELLINGS) this.#spellings.clear();
    this.#spellings.set(raw, canonical);
    return canonical;
  }

  #admit(owner: string): void {
    const most = mostProcesses(this.#definition);
    const own = [...this.#held].filter(([, { principal }]) => principal === owner);
    if (own.length >= MOST_PER_PRINCIPAL && owner !== '') this.#makeRoom(own);
    else if (this.#held.size >= most) this.#makeRoom([...this.#held]);
  }

  #makeRoom(candidates: readonly (readonly [string, Held])[]): void {
    const unused = candidates.filter(([, { process }]) => !process.inUse);
    const since = ([, { idleSince = Number.POSITIVE_INFINITY }]: readonly [string, Held]): number =>
      idleSince;
    const [oldest] = [...unused].sort((a, b) => since(a) - since(b) || 0);
    if (!oldest) throw tooManyProcesses(candidates.length);
    this.#end(...oldest);
  }

  #end(key: string, { process }: Held): void {
    this.#held.delete(key);
    void process.stop();
  }
}

function noTask(): BerthError {
  return new BerthError('invalid-params', 'you have no task of that id on this server');
}
