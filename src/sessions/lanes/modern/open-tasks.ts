/** Tasks that a modern server said to run: their process is kept, and asked about them, for as long as they live. */
import type { Clock } from '../../../clock.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';

/** Milliseconds that a task counts whose server does not say how long it lives, and that any counts at most. */
const USUAL_LIFE = 60 * 60_000;
const LONGEST_LIFE = 24 * 60 * 60_000;
const MOST_TASKS = 10_000;
/** No result that only names a task is longer. */
const LONGEST_RESULT = 64 * 1024;
const TASK = Buffer.from('"task"');

interface OpenTask {
  /** Whose call made it. */
  readonly principal: string;
  /** Clock reading until which it counts. */
  readonly until: number;
}

/** By their ids. */
export class OpenTasks {
  readonly #clock: Clock;
  readonly #tasks = new Map<string, OpenTask>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(id: string, principal: string): boolean {
    return this.#tasks.get(id)?.principal === principal;
  }

  /** Whether one of that principal still counts; `now` is a clock reading. */
  hasAny(principal: string, now: number): boolean {
    for (const task of this.#tasks.values())
      if (task.principal === principal && task.until > now) return true;
    return false;
  }

  /** Whether a task still counts; `now` is a clock reading. */
  open(now: number): boolean {
    for (const [id, { until }] of this.#tasks) {
      if (until > now) return true;
      this.#tasks.delete(id);
    }
    return false;
  }

  /** Looks at the answer of a principal's call, which passes as it is. */
  see(principal: string, line: Buffer, { kind, resultStart, resultEnd }: Envelope): undefined {
    if (kind !== 'result' || line.length > LONGEST_RESULT || !line.includes(TASK, resultStart)) return;
    const result = JSON.parse(line.toString('utf8', resultStart, resultEnd)) as Record<
      string,
      unknown
    > | null;
    if (result?.resultType !== 'task' || typeof result.taskId !== 'string') return;
    const life = typeof result.ttlMs === 'number' ? Math.min(result.ttlMs, LONGEST_LIFE) : USUAL_LIFE;
    if (this.#tasks.size >= MOST_TASKS) this.#tasks.delete(this.#tasks.keys().next().value as string);
    this.#tasks.set(result.taskId, { principal, until: this.#clock.now() + life });
  }

  clear(): void {
    this.#tasks.clear();
  }
}
