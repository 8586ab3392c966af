/** Requests in flight of a session whose answers come on one shared stream. */
import { answerFault, answerId, type CallBody } from './session.ts';

interface Waiting {
  readonly body: CallBody;
  readonly done: (answer: Buffer | Error) => void;
}

export class Pending {
  readonly #waiting = new Map<number, Waiting>();

  add(id: number, body: CallBody, done: (answer: Buffer | Error) => void): void {
    this.#waiting.set(id, { body, done });
  }

  /** Hands a message to the request that it answers; notifications and other sessions' answers are ignored. */
  settle(message: Buffer): void {
    const id = answerId(message);
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.done(answerFault(message, id, waiting.body) ?? message);
  }

  /** Fails one request. */
  reject(id: number, error: Error): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.done(error);
  }

  /** Fails every request: the stream has ended. */
  fail(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.reject(id, error);
  }
}

/** Turns a callback-style request into a promise with a deadline. */
export function awaitAnswer(
  send: (done: (answer: Buffer | Error) => void) => void,
  ms: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  send((answer) => {
    clearTimeout(timer);
    if (answer instanceof Error) reject(answer);
    else resolve(answer);
  });
  return promise;
}
