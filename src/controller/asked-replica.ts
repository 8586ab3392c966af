/** One replica that is asked at every look, and how long a look waits for it: one on a lost node answers nothing for minutes. */
import type { Clock } from '../clock.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import type { Link } from '../link/link.ts';
import type { ReplicaReport } from './replica-probe.ts';

/** Milliseconds that a look waits for an answer: the question goes on without it. */
export const PATIENCE = 2_000;
/** The same for one that is silent already, or whose node has a silent one. */
export const SHORT_PATIENCE = 250;
/** Milliseconds in which a silent one is not asked again; each further time twice as long. */
const FIRST_REST = 10_000;
const LONGEST_REST = 60_000;
/** Milliseconds for which an answer counts that came when no look waited for it any more. */
const LATE_COUNTS = 20_000;

export interface AskedReplicaOptions {
  readonly clock: Clock;
  /** Settles when it has answered, or its time is up. */
  readonly ask: (link: Link) => Promise<ReplicaReport | undefined>;
}

interface Silence {
  /** Of the pod as it was asked: a change of it is a sign of life, or of something else that is worth a question. */
  version: string | undefined;
  /** Questions that went unanswered for their whole time. */
  failures: number;
  /** A clock reading. */
  restsUntil: number;
}

export class AskedReplica {
  readonly link: Link;
  /** As it was last seen. */
  pod: Pod;
  readonly #options: AskedReplicaOptions;
  #asking: Promise<ReplicaReport | undefined> | undefined;
  /** From the first look that has waited in vain to the next answer. */
  #silence: Silence | undefined;
  #late: { readonly report: ReplicaReport | undefined; readonly at: number } | undefined;

  constructor(pod: Pod, open: (current: () => Pod) => Link, options: AskedReplicaOptions) {
    this.pod = pod;
    this.#options = options;
    this.link = open(() => this.pod);
  }

  /** It has let the whole time of a question pass, and has answered none since. */
  get isSilent(): boolean {
    return (this.#silence?.failures ?? 0) > 0;
  }

  /** Nobody need wait for it: its answer is overdue. */
  get isOverdue(): boolean {
    return this.#silence !== undefined;
  }

  /** Undefined when it does not answer within `patience`, milliseconds, and has not a moment ago. Never rejects. */
  async report(patience: number): Promise<ReplicaReport | undefined> {
    const { resourceVersion: version } = this.pod.metadata;
    if (this.#silence?.version === version && this.#silence && this.#isLeftAlone(this.#silence))
      return this.#lateReport();
    this.#asking ??= this.#ask();
    const answer = await this.#within(this.#asking, patience);
    if (answer) return answer.report;
    this.#silence = { failures: 0, restsUntil: 0, ...this.#silence, version };
    return this.#lateReport();
  }

  #isLeftAlone({ restsUntil }: Silence): boolean {
    return this.#asking !== undefined || this.#options.clock.now() < restsUntil;
  }

  async #ask(): Promise<ReplicaReport | undefined> {
    const { ask, clock } = this.#options;
    try {
      const report = await ask(this.link);
      this.#late = this.#silence && { report, at: clock.now() };
      this.#silence = undefined;
      return report;
    } catch {
      // It starts, ends or cannot be reached: kubelet says more about that.
      if (this.#silence) {
        const rest = Math.min(FIRST_REST * 2 ** this.#silence.failures++, LONGEST_REST);
        this.#silence.restsUntil = clock.now() + rest;
      }
      return undefined;
    } finally {
      this.#asking = undefined;
    }
  }

  #lateReport(): ReplicaReport | undefined {
    const late = this.#late;
    return late && this.#options.clock.now() - late.at <= LATE_COUNTS ? late.report : undefined;
  }

  /** Undefined when that time is up before. */
  async #within(
    asking: Promise<ReplicaReport | undefined>,
    patience: number,
  ): Promise<{ readonly report: ReplicaReport | undefined } | undefined> {
    const over = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(patience, () => over.resolve(undefined));
    try {
      return await Promise.race([asking.then((report) => ({ report })), over.promise]);
    } finally {
      cancel();
    }
  }
}
