/** One request to a server over HTTP, from its being sent to its being over: answered, failed or called off. */
import { keyOf, type Outgoing } from './outbox.ts';

export class HttpCall {
  readonly message: Outgoing;
  /** The id as it stands in the message. */
  readonly rawId: string;
  readonly key: string;
  /** Resolves when its bytes have left, or never will. */
  readonly written: Promise<void>;
  /** Resolves when it is over. */
  readonly over: Promise<void>;
  readonly #written = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;
  #drop: () => void = () => {};

  constructor(message: Outgoing) {
    const { bytes, envelope } = message;
    this.message = message;
    this.rawId = bytes.toString('utf8', envelope.idStart, envelope.idEnd);
    this.key = keyOf(message);
    this.written = this.#written.promise;
    this.over = this.#over.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isModern(): boolean {
    return this.message.envelope.modern;
  }

  sent(): void {
    this.#written.resolve();
  }

  /** What {@link drop} ends from now on. */
  through(drop: () => void): void {
    this.#drop = drop;
  }

  /** Its answer has come, or what takes the place of one. */
  finish(): void {
    this.#isOver = true;
    this.#written.resolve();
    this.#over.resolve();
  }

  /** Nobody waits for its answer any more. */
  drop(): void {
    this.finish();
    this.#drop();
  }
}
