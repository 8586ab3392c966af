/**
 * The life of one server in a supervisor that is its own program: its package brought, a throw-away handshake, both again with
 * backoff until they come through; then it is defined, with the eras that it has shown, and checked now and then. Where these eras
 * are known already it serves before its handshake.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Cancel, type Clock, pause } from '../../clock.ts';
import { BerthError, toBerthError } from '../../errors.ts';
import { HEALTH_DEFAULTS, type HealthCheck, ServerHealth } from '../../servers/server-health.ts';
import { toFailure } from '../../servers/server-record.ts';
import { nothingTaken } from '../../sessions/ended-unanswered.ts';
import type { SupervisedServer } from '../../supervisor/definition-file.ts';
import type { Era, HandshakeReport } from '../../supervisor/handshake-report.ts';
import type { LocalHost } from '../local-host.ts';
import { untilUsed } from './first-use.ts';
import { watchValues } from './value-watch.ts';

export interface PodServerOptions {
  /** Checks are made by themselves only if it says so. */
  readonly definition: SupervisedServer;
  readonly host: Pick<LocalHost, 'probe' | 'define' | 'renew' | 'poolStatus'>;
  readonly clock: Clock;
  /** Brings what its processes need, before the first of them; again when that failed. */
  readonly prepare?: () => Promise<void>;
  /** Told whenever it may fare otherwise than before. */
  readonly changed: () => void;
}

const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 60_000;
/** Milliseconds between looks for a package that is being installed again. */
const MISSING_LOOK = 2_000;
/** Milliseconds for which a server that was told to rest takes nothing, if it is not ended meanwhile. */
export const REST_LIMIT = 30_000;

export class PodServer {
  readonly #options: PodServerOptions;
  readonly #health: ServerHealth;
  readonly #life = new AbortController();
  /** As configured. */
  readonly #definition: SupervisedServer;
  /** What it is taken to speak before it has shown so, once. */
  #known: readonly Era[] | undefined;
  /** As it was defined last. */
  #defined: SupervisedServer | undefined;
  #isOpen = false;
  /** Resolves when it is open, or has failed. */
  #attempt = Promise.withResolvers<void>();
  #report: HandshakeReport | undefined;
  #failure: BerthError | undefined;
  #prepared: boolean;
  #retry: Cancel = () => {};
  #unwatch: Cancel = () => {};
  #wait = FIRST_RETRY;
  #restUntil = Number.NEGATIVE_INFINITY;

  /** Begins at once. */
  constructor(options: PodServerOptions) {
    this.#options = options;
    const { host, clock, changed } = options;
    const { knownEras, ...definition } = options.definition;
    this.#definition = definition;
    this.#known = knownEras;
    this.#prepared = options.prepare === undefined;
    this.#health = new ServerHealth({
      ...{ host, clock, limits: { ...HEALTH_DEFAULTS, ...definition.health } },
      turn: () => Promise.resolve(() => {}),
      onCheck: changed,
    });
    void this.#try();
  }

  /** Of the newest handshake that came through; undefined before the first. */
  get report(): HandshakeReport | undefined {
    return this.#report;
  }

  get check(): HealthCheck | undefined {
    return this.#health.last;
  }

  /** Makes a check, or waits for the one under way; of a server that is not open yet there is none. Never rejects. */
  makeCheck(): Promise<void> {
    return this.#health.check();
  }

  /** Why it is not open yet, or why its checks fail. */
  get failure(): BerthError | undefined {
    if (!this.#report) return this.#failure;
    const failed = this.#health.degraded ? this.#health.last?.failure : undefined;
    return failed && toFailure(failed);
  }

  /** What its processes need is not there yet. */
  get preparing(): boolean {
    return !this.#prepared;
  }

  get resting(): boolean {
    return this.#options.clock.now() < this.#restUntil;
  }

  /** Undefined while clients are served; else what they are to wait for, or why nothing is taken. */
  get closed(): Promise<void> | BerthError | undefined {
    if (this.resting) return resting(this.#definition.name);
    if (this.#isOpen) return undefined;
    const failure = this.#failure;
    return failure && !isAwaited(failure) ? failure : this.#attempt.promise;
  }

  /** Takes nothing new for a while: whoever asked is about to end this replica. */
  rest(): void {
    this.#restUntil = this.#options.clock.now() + REST_LIMIT;
    this.#options.changed();
  }

  /** Gives up what is under way. Idempotent. */
  close(): void {
    this.#retry();
    this.#unwatch();
    this.#health.end();
    this.#life.abort(nothingTaken());
  }

  /** Never rejects: who waits looks again at {@link closed}. */
  async #try(): Promise<void> {
    const { clock, changed } = this.#options;
    const { signal } = this.#life;
    const attempt = this.#attempt;
    try {
      if (!this.#prepared) await this.#prepare();
      signal.throwIfAborted();
      const report = await this.#handshake();
      signal.throwIfAborted();
      const found = foundOut(this.#definition, report);
      await this.#serve(found);
      this.#report = report;
      this.#failure = undefined;
      this.#health.begin(found, report);
    } catch (thrown) {
      if (!this.#isOpen || !isFull(thrown)) {
        this.#isOpen = false;
        this.#failure = toBerthError(thrown);
      }
      if (!signal.aborted) {
        this.#attempt = Promise.withResolvers();
        this.#retry = clock.after(this.#wait, () => void this.#try());
        this.#wait = Math.min(LONGEST_RETRY, this.#wait * 2);
      }
    }
    attempt.resolve();
    if (!signal.aborted) changed();
  }

  /** With known eras clients are served first, and whoever has come has a process before one is started to be looked at. */
  async #handshake(): Promise<HandshakeReport> {
    const { host, clock } = this.#options;
    const { signal } = this.#life;
    const known = this.#known;
    if (!known) return await host.probe(this.#definition, signal);
    this.#known = undefined;
    const expected = { ...this.#definition, eras: known };
    await this.#serve(expected);
    this.#attempt.resolve();
    await untilUsed(() => host.poolStatus(expected.id), { clock, signal });
    try {
      return await host.probe(expected, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (isFull(thrown)) {
        this.#known = known;
        throw thrown;
      }
      // It may speak otherwise than it did: nothing is taken for granted any more.
      return await host.probe(this.#definition, signal);
    }
  }

  async #serve(found: SupervisedServer): Promise<void> {
    if (!isDeepStrictEqual(found, this.#defined)) {
      await this.#watchValues(found);
      this.#options.host.define(found);
      this.#defined = found;
    }
    this.#isOpen = true;
  }

  /** Of a change its next process hears, spares included; what clients are on keeps what it was given. */
  async #watchValues(found: SupervisedServer): Promise<void> {
    const { clock, host } = this.#options;
    this.#unwatch();
    this.#unwatch = await watchValues(found, { clock, changed: () => host.renew(found.id) });
    if (this.#life.signal.aborted) this.#unwatch();
    this.#life.signal.throwIfAborted();
  }

  async #prepare(): Promise<void> {
    const { prepare, changed } = this.#options;
    for (;;) {
      try {
        await prepare?.();
        break;
      } catch (thrown) {
        const error = toBerthError(thrown);
        if (!isAwaited(error)) throw error;
        this.#failure = error;
        changed();
        await pause(MISSING_LOOK, this.#options.clock, this.#life.signal);
      }
    }
    this.#prepared = true;
    this.#failure = undefined;
    changed();
  }
}

/** It comes by itself, and clients wait for it as for a start. */
function isAwaited({ details }: BerthError): boolean {
  return details.reason === 'TreeMissing';
}

/** Those whom it serves have left no room for a process to look at, which shows nothing of it. */
function isFull(thrown: unknown): boolean {
  return toBerthError(thrown).code === 'busy';
}

/** The definition with what the handshake has shown. */
function foundOut(definition: SupervisedServer, { eras, transport }: HandshakeReport): SupervisedServer {
  const known = { ...definition, ...(eras && { eras }) };
  const { remote } = known;
  return remote ? { ...known, remote: { ...remote, transport: transport ?? remote.transport } } : known;
}

/** Nothing was taken: another replica serves it, or this one is woken again. */
function resting(name: string): BerthError {
  return new BerthError('resting', `${name} is about to rest`);
}
