/** The way out of a channel that sends every message in a request of its own: what may overtake what, and what still waits. */
import type { Envelope } from '../jsonrpc/envelope.ts';
import { idKey } from '../jsonrpc/id.ts';

export interface Outgoing {
  readonly bytes: Buffer;
  readonly envelope: Envelope;
}

export interface OutboxOptions {
  /** Sends one message. `taken` is called, once, when its bytes have left or never will. */
  readonly send: (message: Outgoing, taken: () => void) => Promise<void>;
  readonly drain: () => void;
}

/** Bytes from which the holder is asked to stop. */
const QUEUE_MARK = 1024 * 1024;

/**
 * Requests and answers go out in parallel; notifications one after another. Behind `initialize` and `notifications/initialized`
 * everything waits until they are through, but answers: the server may ask something before it says what it is.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #held: Outgoing[] = [];
  #notes: Outgoing[] = [];
  #noteUnderWay = false;
  #blocked = true;
  #queued = 0;
  #full = false;
  #idle: (() => void)[] = [];
  #underWay = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Bytes that have not left. */
  get queued(): number {
    return this.#queued;
  }

  /** False when the holder should wait for the drain. */
  add(message: Outgoing): boolean {
    this.#queued += message.bytes.length;
    if (this.#blocked && !isAnswer(message)) this.#held.push(message);
    else this.#dispatch(message);
    if (this.#queued < QUEUE_MARK) return true;
    this.#full = true;
    return false;
  }

  /** Lets go what waits, up to the next message that everything waits for. */
  release(): void {
    this.#blocked = false;
    const held = this.#held;
    this.#held = [];
    for (const message of held) {
      if (this.#blocked && !isAnswer(message)) this.#held.push(message);
      else this.#dispatch(message);
    }
    this.#settle();
  }

  /** Resolves when nothing is waiting or being written any more. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settle();
    });
  }

  #dispatch(message: Outgoing): void {
    const { kind, method } = message.envelope;
    if (method === 'initialize' || method === 'notifications/initialized') this.#blocked = true;
    if (kind !== 'notification') return void this.#send(message);
    this.#notes.push(message);
    void this.#sendNotes();
  }

  async #sendNotes(): Promise<void> {
    if (this.#noteUnderWay) return;
    this.#noteUnderWay = true;
    for (let note = this.#notes.shift(); note; note = this.#notes.shift()) await this.#send(note);
    this.#noteUnderWay = false;
    this.#settle();
  }

  async #send(message: Outgoing): Promise<void> {
    let left = false;
    const taken = (): void => {
      if (left) return;
      left = true;
      this.#underWay--;
      this.#taken(message.bytes.length);
    };
    this.#underWay++;
    await this.#options.send(message, taken);
    taken();
    const { method } = message.envelope;
    if (method === 'initialize' || method === 'notifications/initialized') this.release();
  }

  #taken(bytes: number): void {
    this.#queued -= bytes;
    this.#settle();
    if (!this.#full || this.#queued >= QUEUE_MARK) return;
    this.#full = false;
    this.#options.drain();
  }

  #settle(): void {
    if (this.#underWay > 0 || this.#noteUnderWay || this.#held.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** The id of a request or an answer as it is compared. */
export function keyOf({ bytes, envelope }: Outgoing): string {
  return idKey(bytes.toString('utf8', envelope.idStart, envelope.idEnd));
}

/** A result or an error, in whichever direction it goes. */
export function isAnswer({ envelope }: Outgoing): boolean {
  return envelope.kind === 'result' || envelope.kind === 'error';
}
