/** A connection to `berth-spawn` that is held as long as the supervisor lives: the helper stays until it is gone, and its loss shows at once. */
import { createConnection, type Socket } from 'node:net';
import type { Cancel, Clock } from '../clock.ts';
import { helperPath, PRESENCE_PREFACE, WELCOME } from './spawn-wire.ts';

export interface SpawnPresence {
  /** The helper is there. */
  readonly present: boolean;
  /** Lets the helper end, if it was told to. Idempotent. */
  close(): void;
}

const RETRY_MS = 500;

/** Connects to the helper at `socket`, again and again while it is not there; `changed` is called when {@link SpawnPresence.present} has. */
export function holdSpawnPresence(options: {
  readonly socket: string;
  readonly clock: Clock;
  readonly changed: () => void;
}): SpawnPresence {
  const presence = new Presence(options);
  presence.connect();
  return presence;
}

class Presence implements SpawnPresence {
  readonly #options: Parameters<typeof holdSpawnPresence>[0];
  #socket: Socket | undefined;
  #retry: Cancel | undefined;
  #present = false;
  #closed = false;

  constructor(options: Parameters<typeof holdSpawnPresence>[0]) {
    this.#options = options;
  }

  get present(): boolean {
    return this.#present;
  }

  connect(): void {
    const socket = createConnection({ path: helperPath(this.#options.socket) });
    this.#socket = socket;
    socket.unref();
    socket.once('connect', () => socket.write(PRESENCE_PREFACE));
    // One that refuses says so and closes.
    socket.on('data', (chunk: Buffer) => this.#set(chunk[0] === WELCOME));
    socket.on('error', () => {});
    socket.once('close', () => this.#lost());
  }

  close(): void {
    this.#closed = true;
    this.#retry?.();
    this.#socket?.destroy();
  }

  #lost(): void {
    this.#set(false);
    if (!this.#closed) this.#retry = this.#options.clock.after(RETRY_MS, () => this.connect());
  }

  #set(present: boolean): void {
    if (this.#present === present) return;
    this.#present = present;
    if (!this.#closed) this.#options.changed();
  }
}
