/**
 * Whether a command's output is being read, and whether anything may be sent meanwhile. A command that has ended answers what
 * it gets with a reset, and with that all its output is gone that is still on its way: so nothing is sent while reading is
 * paused, nor after that before what had piled up has been read. What was sent before cannot be taken back: where it meets a
 * command that has just ended, output is lost, and the status may even say that all went well (the kubelet takes streams that
 * the runtime's reset broke for ended ones). So only what is acknowledged further up, as on a link, may go through an exec.
 */
import type { WebSocket } from 'ws';
import type { Cancel, Clock } from '../clock.ts';

/** Milliseconds that reading may stay paused. */
export const STALL_LIMIT = 30_000;
/** Milliseconds without a message after which nothing is left of what had piled up. */
export const QUIET = 50;
const SPANS = 2;
const SPAN = QUIET / SPANS;
/** Milliseconds for which a command that is never quiet is sent nothing: whatever had piled up has been read by then. */
const HOLD_LIMIT = 5_000;
/** More than this never piles up: the buffers on the way are smaller. */
const MOST_PILED_UP = 16 * 1024 * 1024;

export interface ExecReadingOptions {
  readonly socket: WebSocket;
  readonly clock: Clock;
  /** Reading has been paused for too long. */
  readonly onStall: () => void;
  /** Sending is allowed again. */
  readonly onFree: () => void;
}

export class ExecReading {
  readonly #options: ExecReadingOptions;
  #paused = false;
  /** Bytes that may still come of what had piled up. */
  #pile = 0;
  #cancel: Cancel = () => {};
  #cancelLimit: Cancel = () => {};

  constructor(options: ExecReadingOptions) {
    this.#options = options;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Nothing at all may be sent. */
  get holdsWrites(): boolean {
    return this.#paused || this.#pile > 0;
  }

  pause(): void {
    const { socket, clock, onStall } = this.#options;
    this.stop();
    this.#paused = true;
    socket.pause();
    this.#cancel = clock.after(STALL_LIMIT, onStall);
  }

  resume(): void {
    if (!this.#paused) return;
    this.stop();
    this.#pile = MOST_PILED_UP;
    this.#listen();
    this.#limit();
    this.#options.socket.resume();
  }

  /** A message has come. */
  received(bytes: number): void {
    if (this.#paused || this.#pile === 0) return;
    if (bytes >= this.#pile) return this.#free();
    this.#pile -= bytes;
    this.#cancel();
    this.#listen();
  }

  /** Ends all waiting. */
  stop(): void {
    this.#cancel();
    this.#cancelLimit();
    this.#paused = false;
    this.#pile = 0;
  }

  /** In spans: between two of them what has come is read, so that a program that was held up itself takes nothing for silence. */
  #listen(spans = SPANS): void {
    this.#cancel = this.#options.clock.after(SPAN, () =>
      spans > 1 ? this.#listen(spans - 1) : this.#free(),
    );
  }

  /** In two parts, for the same reason. */
  #limit(): void {
    const { clock } = this.#options;
    this.#cancelLimit = clock.after(HOLD_LIMIT - SPAN, () => {
      this.#cancelLimit = clock.after(SPAN, () => this.#free());
    });
  }

  #free(): void {
    this.stop();
    this.#options.onFree();
  }
}
