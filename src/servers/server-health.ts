/** Whether a server that runs still answers: one throw-away handshake now and then, or when somebody asks. */
import type { Cancel, Clock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { ServerDefinition } from '../supervisor/server-definition.ts';
import type { HealthStore } from './health-history.ts';
import type { ServerHost } from './host.ts';
import { type FailureRecord, toFailureRecord } from './server-record.ts';

export interface HealthLimits {
  /** Milliseconds between checks; 0 for none but those that are asked for. */
  readonly interval: number;
  /** Failed checks in a row after which a server counts as degraded. */
  readonly failures: number;
  /** Milliseconds in which the process of a check must answer, if its start does not have to be quicker. */
  readonly timeout: number;
}

/** How the newest check came out. */
export interface HealthCheck {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds that spawn and handshake took; of a failure, until its process was gone. */
  readonly ms: number;
  /** Failed checks in a row, this one included; 0 for one that came through. */
  readonly failures: number;
  readonly failure?: FailureRecord;
}

export interface HealthTools {
  readonly host: Pick<ServerHost, 'probe' | 'renew'>;
  readonly clock: Clock;
  readonly limits: HealthLimits;
  /** Waits for a place among the parallel starts: a check starts a process, too. */
  readonly turn: (signal: AbortSignal) => Promise<() => void>;
  /** Told when a server has failed as many checks as it may. */
  readonly onDegraded?: (definition: ServerDefinition, failure: BerthError) => void;
  /** Told after every check. */
  readonly onCheck?: () => void;
  /** Keeps every check under the id of its server. */
  readonly checks?: HealthStore;
}

/** What holds where neither settings nor server say it: no check but those that are asked for. */
export const HEALTH_DEFAULTS: HealthLimits = { interval: 0, failures: 3, timeout: 30_000 };

/** What there is while the server runs. */
interface Running {
  readonly definition: ServerDefinition;
  readonly abort: AbortController;
  readonly stop: Cancel;
}

export class ServerHealth {
  readonly #tools: HealthTools;
  #running: Running | undefined;
  #checking: Promise<void> | undefined;
  #last: HealthCheck | undefined;

  constructor(tools: HealthTools) {
    this.#tools = tools;
  }

  /** The newest check since the start; undefined before the first. */
  get last(): HealthCheck | undefined {
    return this.#last;
  }

  get degraded(): boolean {
    return (this.#last?.failures ?? 0) >= this.#tools.limits.failures;
  }

  /**
   * The server runs from now on. `report`: of the handshake of this start, which counts as the first check. Without one nothing has been
   * shown yet, and what was known last holds.
   */
  begin(definition: ServerDefinition, report: HandshakeReport | undefined): void {
    this.end();
    const { clock, limits } = this.#tools;
    const stop = limits.interval > 0 ? clock.every(limits.interval, () => void this.check()) : () => {};
    this.#running = { definition, abort: new AbortController(), stop };
    if (report) this.#keep(definition, { at: Date.now(), ms: timeOf(report), failures: 0 });
    else [this.#last] = this.#tools.checks?.list(definition.id, 1) ?? [];
  }

  /** The server no longer runs: no further checks, and one under way means nothing. Idempotent. */
  end(): void {
    this.#running?.stop();
    this.#running?.abort.abort(new Error('the server was stopped'));
    this.#running = undefined;
    this.#checking = undefined;
    this.#last = undefined;
  }

  /**
   * Makes a check, or waits for the one under way; {@link last} has its outcome, unless there was no room for a process to check with.
   * Never rejects.
   */
  check(): Promise<void> {
    const running = this.#running;
    if (!running) return Promise.resolve();
    const checking =
      this.#checking ??
      this.#make(running).finally(() => {
        if (this.#checking === checking) this.#checking = undefined;
      });
    this.#checking = checking;
    return checking;
  }

  async #make({ definition, abort: { signal } }: Running): Promise<void> {
    const { clock, host, turn, limits } = this.#tools;
    const startTimeout = Math.min(definition.limits.startTimeout, limits.timeout);
    let release: (() => void) | undefined;
    let outcome: HandshakeReport | BerthError;
    let begun = clock.now();
    try {
      release = await turn(signal);
      begun = clock.now();
      const quick = {
        ...definition,
        // What it showed to speak is not in question, only whether it answers: one era is enough.
        ...(definition.eras && { eras: definition.eras.slice(0, 1) }),
        limits: { ...definition.limits, startTimeout },
      };
      outcome = await host.probe(quick, signal, { quiet: true });
    } catch (thrown) {
      outcome = toBerthError(thrown);
    } finally {
      release?.();
    }
    // Where there is no room for another process nothing was asked of the program: those that fill it are in use.
    if (signal.aborted || isFull(outcome)) return;
    if (outcome instanceof BerthError) this.#note(definition, Math.round(clock.now() - begun), outcome);
    else this.#note(definition, timeOf(outcome));
  }

  #note(definition: ServerDefinition, ms: number, failure?: BerthError): void {
    const failures = failure ? (this.#last?.failures ?? 0) + 1 : 0;
    this.#keep(definition, {
      ...{ at: Date.now(), ms, failures },
      ...(failure && { failure: toFailureRecord(failure) }),
    });
    this.#tools.onCheck?.();
    if (!failure || failures !== this.#tools.limits.failures) return;
    this.#tools.onDegraded?.(definition, failure);
    this.#tools.host.renew(definition.id);
  }

  #keep({ id }: ServerDefinition, check: HealthCheck): void {
    this.#last = check;
    this.#tools.checks?.add(id, check);
  }
}

function isFull(outcome: HandshakeReport | BerthError): boolean {
  return outcome instanceof BerthError && outcome.code === 'busy';
}

function timeOf({ spawnMs, handshakeMs }: HandshakeReport): number {
  return Math.round(spawnMs + handshakeMs);
}
