/** One server: its record, its state, and the start that may be under way. Verbs run one after another. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BerthError } from '../errors.ts';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { Isolation, ServerDefinition } from '../supervisor/server-definition.ts';
import type { HealthStore } from './health-history.ts';
import { type HealthLimits, ServerHealth } from './server-health.ts';
import type { ServerRecord, ServerStore } from './server-record.ts';
import { toFailure, toFailureRecord } from './server-record.ts';
import { revisionOf, type ServerState } from './server-view.ts';
import { type Condition, checkCondition } from './servers.ts';
import type { StartCount } from './start-count.ts';
import { StartLog } from './start-log.ts';
import type { StartResult, StartTools } from './start-phases.ts';
import { isReportOutdated } from './start-remote.ts';
import { startServer } from './start-sequence.ts';

/** What the data plane needs to know of a server before it lets a request in. */
export interface ServerEntry {
  readonly id: string;
  readonly name: string;
  readonly state: ServerState;
  readonly isolation: Isolation;
  readonly sessions: 'minted' | 'none';
  /** Why the newest start did not come through. */
  readonly failure?: BerthError;
}

export interface ManagedServerTools extends StartTools {
  readonly store: ServerStore;
  /** For what a specification leaves open. */
  readonly health: HealthLimits;
  readonly checks?: HealthStore;
  readonly onDegraded?: (definition: ServerDefinition, failure: BerthError) => void;
  /** Waits for a place among the parallel starts; the answer gives it back. */
  readonly turn: (signal: AbortSignal) => Promise<() => void>;
  readonly starts: StartCount;
  /** Told of the name of a server of which something is new. */
  readonly changed: (name: string) => void;
}

interface Start {
  readonly abort: AbortController;
  /** Settles when the start is over; rejects with its failure. */
  readonly done: Promise<void>;
}

export class ManagedServer {
  #record: ServerRecord;
  #state: ServerState;
  #entry: ServerEntry;
  #log = new StartLog();
  #start: Start | undefined;
  #removed = false;
  #refreshing = false;
  /** Ends with this object. */
  readonly #life = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  readonly #tools: ManagedServerTools;
  /** Of the time that it runs. */
  readonly health: ServerHealth;

  constructor(record: ServerRecord, tools: ManagedServerTools) {
    this.#record = record;
    this.#tools = tools;
    this.health = new ServerHealth({
      ...tools,
      limits: { ...tools.health, ...record.plan.health },
      onCheck: () => tools.changed(record.name),
    });
    this.#state = record.failure ? 'failed' : 'stopped';
    this.#entry = this.#toEntry();
  }

  get record(): ServerRecord {
    return this.#record;
  }

  get state(): ServerState {
    return this.#state;
  }

  get entry(): ServerEntry {
    return this.#entry;
  }

  /** Events of the newest start. */
  get log(): StartLog {
    return this.#log;
  }

  /** Starts it unless it runs or is being started. Resolves once the start has begun; its end is {@link ready}. */
  async begin({
    trustReport = false,
    ...condition
  }: { trustReport?: boolean } & Condition = {}): Promise<void> {
    await this.#exclusive(condition, async () => {
      if (this.#start || this.#state === 'running') return;
      this.#log = new StartLog();
      const { failure: _failure, ...rest } = this.#record;
      this.#change('pending', this.#wanted('running', rest));
      const abort = new AbortController();
      const done = this.#run(abort.signal, trustReport);
      // Whoever waits for the start gets its failure; the record keeps it for everybody else.
      done.catch(() => undefined);
      this.#start = { abort, done };
    });
  }

  /** Resolves when it runs; rejects with the failure of its start, `stopped` when it is not to run, or the reason of the signal. */
  async ready(signal?: AbortSignal): Promise<void> {
    const done = this.#start?.done ?? this.#settled();
    if (!signal) return await done;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      done.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }

  /** Ends sessions, processes and a start under way. Idempotent. */
  async stop({ force, ...condition }: { force: boolean } & Condition): Promise<void> {
    await this.#exclusive(condition, () => this.#stop(force));
  }

  /** Stops it and forgets it, with its private home. */
  async remove({ force, ...condition }: { force: boolean } & Condition): Promise<void> {
    await this.#exclusive(condition, async () => {
      await this.#stop(force);
      this.#tools.store.remove(this.#record.id);
      this.#removed = true;
      await rm(join(this.#tools.homes, this.#record.id), { recursive: true, force: true });
    });
  }

  /** Looks again at a remote server of which what is known has become old. Never rejects. */
  async refresh(): Promise<void> {
    const before = this.#record;
    if (this.#state !== 'running' || this.#refreshing || !isReportOutdated(before)) return;
    this.#refreshing = true;
    try {
      const found = await startServer(this.#tools, {
        record: before,
        log: new StartLog(),
        signal: this.#life.signal,
        trustReport: false,
        pinned: () => {},
      });
      if (this.#record === before && this.#state === 'running') this.#found(found);
    } catch {
      // A server that does not answer just now has not shown that it speaks anything else.
    } finally {
      this.#refreshing = false;
    }
  }

  /** Gives up a start under way and leaves the record as it is: the next gateway starts it again. */
  async close(): Promise<void> {
    this.health.end();
    this.#life.abort(closing());
    this.#start?.abort.abort(closing());
    await this.#start?.done.catch(() => undefined);
  }

  async #stop(force: boolean): Promise<void> {
    const start = this.#start;
    start?.abort.abort(new Failure('stopped', `${this.#record.name} was stopped while it started`));
    await start?.done.catch(() => undefined);
    this.health.end();
    await this.#tools.host.undefine(this.#record.id, { force });
    const { failure: _failure, ...rest } = this.#record;
    const stoppedAt = this.#state === 'running' || rest.stoppedAt === undefined ? Date.now() : rest.stoppedAt;
    this.#log.add({ type: 'stopped' });
    this.#change('stopped', { ...this.#wanted('stopped', rest), stoppedAt });
  }

  async #run(signal: AbortSignal, trustReport: boolean): Promise<void> {
    const known = this.#record.report;
    let release: (() => void) | undefined;
    try {
      release = await this.#tools.turn(signal);
      this.#change('starting', this.#record);
      const { definition, ...found } = await startServer(this.#tools, {
        record: this.#record,
        log: this.#log,
        signal,
        trustReport,
        pinned: (pin) => this.#save({ ...this.#record, ...pin }),
      });
      this.#tools.host.define(definition);
      this.health.begin(definition, found.report === known ? undefined : found.report);
      this.#change('running', { ...this.#record, ...found, startedAt: Date.now() });
      this.#log.add({ type: 'running' });
    } catch (error) {
      throw this.#fail(signal.aborted ? signal.reason : error, signal.aborted);
    } finally {
      this.#start = undefined;
      this.#tools.starts.over(this.#log.events);
      release?.();
    }
  }

  #found({ definition, report, reportedAt }: StartResult): void {
    const essence = (of: HandshakeReport | undefined): string =>
      JSON.stringify([of?.eras, of?.transport, of?.protocolVersion]);
    if (essence(report) !== essence(this.#record.report)) {
      this.#tools.host.define(definition);
      this.health.begin(definition, report);
    }
    this.#save({ ...this.#record, report, reportedAt });
  }

  #fail(thrown: unknown, aborted: boolean): BerthError {
    const error = toBerthError(thrown);
    // A start that was called off is no failure of the server.
    if (aborted) {
      this.#change('stopped', this.#record);
      this.#log.add({ type: 'stopped' });
    } else {
      const failure = toFailureRecord(error);
      this.#change('failed', { ...this.#record, failure });
      this.#log.add({ type: 'failed', failure });
    }
    return error;
  }

  async #settled(): Promise<void> {
    if (this.#state === 'running') return;
    const { failure, name } = this.#record;
    throw failure ? toFailure(failure) : new Failure('stopped', `${name} is stopped`);
  }

  /** The record with what is wanted from now on. */
  #wanted(desired: ServerRecord['desired'], record: ServerRecord): ServerRecord {
    const { generation = 0 } = record;
    return { ...record, desired, generation: record.desired === desired ? generation : generation + 1 };
  }

  #change(state: ServerState, record: ServerRecord): void {
    this.#state = state;
    this.#save(record);
    this.#entry = this.#toEntry();
    this.#tools.changed(record.name);
  }

  #save(record: ServerRecord): void {
    if (record !== this.#record) this.#tools.store.save(record);
    this.#record = record;
  }

  #toEntry(): ServerEntry {
    const { id, name, plan, failure } = this.#record;
    const entry = { id, name, state: this.#state, isolation: plan.isolation, sessions: plan.sessions };
    return failure ? { ...entry, failure: toFailure(failure) } : entry;
  }

  async #exclusive(condition: Condition, run: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(() => {
      if (this.#removed) throw new Failure('not-found', `there is no server ${this.#record.name}`);
      checkCondition(condition, { id: this.#record.id, revision: revisionOf(this.#record) });
      return run();
    });
    this.#last = mine.catch(() => undefined);
    await mine;
  }
}

function closing(): BerthError {
  return new Failure('stopped', 'the gateway is stopping');
}
