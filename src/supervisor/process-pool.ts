/** The processes of one server: fresh ones, warm spares, and what happens when they keep failing. */
import type { Cancel, Clock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { Launch } from './launch.ts';
import type { LocalProcess } from './process.ts';
import { exitDetails, exitText, seconds } from './process-exit.ts';
import { ProcessFailures } from './process-failures.ts';
import { createHome, removeHome, withHome } from './process-home.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { ProcessSource } from './server-process.ts';

export interface PoolOptions {
  readonly definition: Pick<ServerDefinition, 'name' | 'limits'> & { readonly launch: Launch };
  readonly spawn: (launch: Launch) => Promise<LocalProcess>;
  readonly clock: Clock;
  /** Folder for the private homes of the processes; without it the launch's HOME is used as it is. */
  readonly homes?: string;
}

export interface PoolStatus {
  /** `backoff`: the next spare waits after a failure. `failed`: nothing is started until the failures are ten minutes old. */
  readonly state: 'ready' | 'backoff' | 'failed' | 'closed';
  /** Processes that have not ended, spares included. */
  readonly live: number;
  readonly spares: number;
  /** One of them has answered. */
  readonly spoken: boolean;
  /** The newest failure since a process last ran well. */
  readonly reason?: BerthError;
  /** Milliseconds until the next try; with `backoff` and `failed`. */
  readonly retryMs?: number;
}

export interface ProcessPool extends ProcessSource {
  acquire(): Promise<LocalProcess>;
  readonly status: PoolStatus;
  /** Processes that have not ended, spares included. */
  readonly live: number;
  /** Starts fresh spares in the place of those that there are, which are ended. */
  renew(): void;
}

/** A process that ends by itself sooner, and has not said a word, failed to start; one that lives as long shows that the server runs. */
const SETTLED_MS = 60_000;
/** Milliseconds after which spares that found no room are started again, if no process of this pool ends sooner. */
const ROOM_LOOK_MS = 10_000;
/** Milliseconds within which whoever starts processes knows that one has ended, and between looks whether it does. */
const NOTICED_MS = 1_000;
const NOTICE_LOOK_MS = 20;
const STDERR_LINES = 20;

/** Builds the pool of one server and starts its spares (`limits.spares`). */
export function createProcessPool(options: PoolOptions): ProcessPool {
  const pool = new Pool(options);
  pool.fill();
  return pool;
}

class Pool implements ProcessPool {
  readonly #options: PoolOptions;
  readonly #failures: ProcessFailures;
  /** Every process that has not ended, with the promise that it has and that its home is gone. */
  readonly #live = new Map<LocalProcess, Promise<void>>();
  readonly #spares = new Set<LocalProcess>();
  readonly #starting = new Set<Promise<void>>();
  #retry: Cancel | undefined;
  /** Calls off the next look for room; there was none for the newest process. */
  #full: Cancel | undefined;
  /** Clock reading. */
  #lastEnd = Number.NEGATIVE_INFINITY;
  #closed: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#failures = new ProcessFailures(options.clock);
  }

  get live(): number {
    return this.#live.size;
  }

  get status(): PoolStatus {
    const { last, backoff } = this.#failures;
    const state = this.#state();
    return {
      state,
      live: this.#live.size,
      spares: this.#spares.size,
      spoken: [...this.#live.keys()].some(hasSpoken),
      ...(last && { reason: last }),
      ...((state === 'backoff' || state === 'failed') && { retryMs: backoff }),
    };
  }

  async acquire(): Promise<LocalProcess> {
    if (this.#closed) throw new BerthError('stopped', `server ${this.#options.definition.name} is stopped`);
    for (const spare of this.#spares) {
      if (spare.exit) continue;
      this.#spares.delete(spare);
      this.fill();
      return spare;
    }
    if (this.#state() === 'failed') throw this.#refusal();
    const started = await this.#startInRoom();
    if (!this.#closed) return started;
    await started.stop({ force: true });
    throw new BerthError('stopped', `server ${this.#options.definition.name} was stopped`);
  }

  renew(): void {
    const old = [...this.#spares];
    this.#spares.clear();
    this.fill();
    for (const spare of old) void spare.stop();
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  /** Starts spares until there are as many as wanted; waits first after a failure. */
  fill(): void {
    const missing = this.#options.definition.limits.spares - this.#spares.size - this.#starting.size;
    if (this.#closed || this.#retry || this.#full || missing <= 0) return;
    if (this.#failures.backoff > 0) this.#wait(this.#failures.backoff);
    else for (let i = 0; i < missing; i++) this.#addSpare();
  }

  #wait(ms: number): void {
    this.#retry = this.#options.clock.after(ms, () => {
      this.#retry = undefined;
      if (this.#failures.failedFor > 0) this.fill();
      // One try is enough to see whether it fails again.
      else if (!this.#closed) this.#addSpare();
    });
  }

  /** The next one that ends makes room; so does what others have in the same place, of which nothing is heard. */
  #waitForRoom(): void {
    this.#full ??= this.#options.clock.after(ROOM_LOOK_MS, () => this.#lookForRoom());
  }

  #lookForRoom(): void {
    if (!this.#full) return;
    this.#full();
    this.#full = undefined;
    this.fill();
  }

  #addSpare(): void {
    const starting: Promise<void> = this.#start().then(
      (spare) => {
        this.#starting.delete(starting);
        this.#spares.add(spare);
        void spare.exited.then(() => {
          this.#spares.delete(spare);
          this.fill();
        });
      },
      (thrown: unknown) => {
        this.#starting.delete(starting);
        if (isFull(toBerthError(thrown)) && !this.#closed) this.#waitForRoom();
        this.fill();
      },
    );
    this.#starting.add(starting);
  }

  /** Waits for processes that are just ending where they have the room: whoever has left makes way for whoever comes. */
  async #startInRoom(): Promise<LocalProcess> {
    for (;;) {
      try {
        return await this.#start();
      } catch (thrown) {
        if (!isFull(toBerthError(thrown)) || this.#closed) throw thrown;
        const ending = [...this.#live.keys()].filter(({ stopping }) => stopping);
        if (ending.length > 0) await Promise.race(ending.map(({ ended }) => ended));
        else if (this.#options.clock.now() - this.#lastEnd > NOTICED_MS) throw thrown;
        // What starts them hears of an end no sooner than this program.
        await new Promise<void>((resolve) => this.#options.clock.after(NOTICE_LOOK_MS, resolve));
      }
    }
  }

  async #start(): Promise<LocalProcess> {
    const { definition, homes, spawn } = this.#options;
    let home: string | undefined;
    try {
      if (homes !== undefined) home = await createHome(homes);
      const started = await spawn(home === undefined ? definition.launch : withHome(definition.launch, home));
      this.#watch(started, home);
      return started;
    } catch (thrown) {
      if (home !== undefined) await removeHome(home);
      const failure = toBerthError(thrown);
      this.#failed(failure);
      throw failure;
    }
  }

  #watch(started: LocalProcess, home: string | undefined): void {
    const settled = this.#options.clock.after(SETTLED_MS, () => this.#settled());
    void started.exited.then(() => {
      settled();
      const age = this.#options.clock.now() - started.startedAt;
      if (started.stopping) return;
      // One that has spoken did start. What ended it came with its use, and one client must not use up everybody's tries.
      if (hasSpoken(started)) this.#failures.clear();
      else if (age < SETTLED_MS || this.#spares.has(started)) this.#failed(exitFailure(started, age));
    });
    const gone = started.ended.then(async () => {
      this.#live.delete(started);
      this.#lastEnd = this.#options.clock.now();
      this.#lookForRoom();
      if (home !== undefined) await removeHome(home);
    });
    this.#live.set(started, gone);
  }

  #settled(): void {
    this.#failures.clear();
    this.#retry?.();
    this.#retry = undefined;
    this.fill();
  }

  #failed(reason: BerthError): void {
    if (!this.#closed && !isFull(reason)) this.#failures.add(reason);
  }

  #state(): PoolStatus['state'] {
    if (this.#closed) return 'closed';
    if (this.#failures.failedFor > 0 && !this.#provesItself()) return 'failed';
    return this.#retry ? 'backoff' : 'ready';
  }

  /** One client whose `initialize` makes processes crash must not take the server from those whose process runs. */
  #provesItself(): boolean {
    const now = this.#options.clock.now();
    return [...this.#live.keys()].some(
      (one) => !one.exit && (hasSpoken(one) || now - one.startedAt >= SETTLED_MS),
    );
  }

  #refusal(): BerthError {
    const { last, failedFor } = this.#failures;
    const message = `${this.#options.definition.name} failed five times within ten minutes, next try in ${seconds(failedFor)}`;
    const { stderr, exitCode, signal, reason, phase = 'spawn' } = last?.details ?? {};
    return new BerthError('start-failed', last ? `${message}: ${last.message}` : message, {
      phase,
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      ...(reason && { reason }),
      ...(stderr && { stderr }),
      ...(last && { hint: last.hint, cause: last }),
    });
  }

  async #end(): Promise<void> {
    this.#retry?.();
    this.#full?.();
    await Promise.all(this.#starting);
    const spares = [...this.#spares];
    this.#spares.clear();
    await Promise.all(spares.flatMap((spare) => [this.#live.get(spare), spare.stop()]));
  }
}

/** There is no room for a further process, which says nothing of the program. */
function isFull({ code }: BerthError): boolean {
  return code === 'busy';
}

/** It has sent a message to whoever acquired it (nothing is read of a spare): its program runs. */
function hasSpoken({ channel }: LocalProcess): boolean {
  return channel.stats.messagesIn > 0;
}

function exitFailure(ended: LocalProcess, age: number): BerthError {
  const exit = ended.exit ?? { code: null, signal: null };
  return new BerthError(
    'start-failed',
    `the process ended by itself, ${exitText(exit)} after ${seconds(age)}`,
    {
      phase: 'run',
      ...exitDetails(exit),
      stderr: ended.stderrTail(STDERR_LINES),
    },
  );
}
