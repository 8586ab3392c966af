/** Questions to a supervisor beside its conversations: what an operator wants to know, and the ends of sessions. */
import type { Cancel, Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';

const QUESTIONS = [
  'sessions',
  'end',
  'report',
  'check',
  'rest',
  'holds',
  'task',
  'inspection',
  'removed',
] as const;

export interface LinkQuestion {
  /**
   * `sessions`: the list of a server's conversations. `end`: ends one of them, or all. `report`: how it fares. `check`: a health check is made, or the one
   * under way is waited for, but not for longer than the time of a question: then it is to be asked again. `rest`: takes nothing
   * new for a while if nobody uses it, and whether that is so. `holds`: whether it has a process or a call of that principal's clients
   * without a session. `task`: whether a task of that principal is one of a process here. `inspection`: what came of a package that is
   * only tried. `removed`: the server is there no more, and a supervisor that ends waits for nothing but the calls in hand.
   */
  readonly what: (typeof QUESTIONS)[number];
  /** UUID of the server. */
  readonly server: string;
  /** With `end`: this one only. */
  readonly session?: string;
  /** With `holds` and `task`. */
  readonly principal?: string;
  /** With `task`: its id. */
  readonly task?: string;
}

/** Milliseconds for a question, from its asking to its answer. */
export const ANSWER_LIMIT = 10_000;

const UNKNOWN_QUESTION = 'a question that this supervisor does not know';

/** Whether a supervisor of another version has refused a question as one that it does not know. */
export function isUnknownQuestion({ code, message }: BerthError): boolean {
  return code === 'internal' && message === UNKNOWN_QUESTION;
}

/** Throws BerthError `internal` for what is no question of this version. */
export function readQuestion(body: Buffer): LinkQuestion {
  const { what, server, session, principal, task } = JSON.parse(body.toString('utf8')) as Record<
    string,
    unknown
  >;
  const known = QUESTIONS.find((one) => one === what);
  if (!known || typeof server !== 'string') throw new BerthError('internal', UNKNOWN_QUESTION);
  return {
    ...{ what: known, server },
    ...(typeof session === 'string' && { session }),
    ...(typeof principal === 'string' && { principal }),
    ...(typeof task === 'string' && { task }),
  };
}

/** One question on its way: settled once, by its answer, by the end of its connection or by time. */
export class Asking {
  readonly question: LinkQuestion;
  readonly #settled = Promise.withResolvers<unknown>();
  readonly #cancel: Cancel;

  constructor(question: LinkQuestion, clock: Clock, over: () => void) {
    this.question = question;
    this.#cancel = clock.after(ANSWER_LIMIT, () => this.refused(unanswered()));
    const end = (): void => {
      this.#cancel();
      over();
    };
    this.#settled.promise.then(end, end);
  }

  get answer(): Promise<unknown> {
    return this.#settled.promise;
  }

  answered(value: unknown): void {
    this.#settled.resolve(value);
  }

  refused(error: BerthError): void {
    this.#settled.reject(error);
  }
}

/** Nobody knows whether the question arrived. */
export function unanswered(): BerthError {
  return new BerthError('busy', 'the supervisor does not answer just now');
}
