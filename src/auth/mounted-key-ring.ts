/** Sealing keys that somebody else keeps: a file that is mounted, and read again for as long as the gateway runs. */
import { readFile } from 'node:fs/promises';
import type { Cancel, Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { parseKeyRing } from './key-ring.ts';
import type { SealKey } from './seal.ts';

/** Milliseconds between looks: a mounted Secret changes by the swap of a link, which nothing tells of reliably. */
const LOOK_EVERY = 5_000;
/** Milliseconds until a changed Secret has reached every gateway: ids under a new key would be unknown to those that it has not. */
export const SETTLES_AFTER = 3 * 60_000;

export interface MountedKeyRing {
  /** Keys have been read once. */
  readonly isThere: boolean;
  close(): void;
}

export interface MountedKeyRingOptions {
  readonly path: string;
  readonly clock: Clock;
  /** The keys that count from now on: the current one, then those that still open. */
  readonly onKeys: (keys: readonly SealKey[]) => void;
  /** The file is there and cannot be used; the keys so far go on. */
  readonly onError: (error: BerthError) => void;
}

/** Resolves after the first look; a file that is not there yet is waited for. */
export async function watchKeyRing(options: MountedKeyRingOptions): Promise<MountedKeyRing> {
  const { path, clock, onKeys, onError } = options;
  const rotation = new Rotation(clock, onKeys);
  let known: string | undefined;
  let isThere = false;
  const look = async (): Promise<void> => {
    try {
      const text = await readFile(path, 'utf8');
      if (text === known) return;
      known = text;
      rotation.take(parseKeyRing(text, path));
      isThere = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(toFault(path, error));
    }
  };
  await look();
  // One look at a time: of two the later one might read the older file.
  let looking = false;
  let again = false;
  const lookInTurn = async (): Promise<void> => {
    again = true;
    if (looking) return;
    looking = true;
    while (again) {
      again = false;
      await look();
    }
    looking = false;
  };
  const stop: Cancel = clock.every(LOOK_EVERY, () => void lookInTurn());
  return {
    get isThere() {
      return isThere;
    },
    close: () => {
      stop();
      rotation.close();
    },
  };
}

/** A new key opens at once, and seals once every gateway has it. */
class Rotation {
  readonly #clock: Clock;
  readonly #onKeys: MountedKeyRingOptions['onKeys'];
  #current: SealKey | undefined;
  #cancel: Cancel = () => {};

  constructor(clock: Clock, onKeys: MountedKeyRingOptions['onKeys']) {
    this.#clock = clock;
    this.#onKeys = onKeys;
  }

  take(keys: readonly SealKey[]): void {
    this.#cancel();
    const sealing = keys.find(({ name }) => name === this.#current?.name);
    if (!sealing || sealing === keys[0]) return this.#use(keys);
    this.#onKeys([sealing, ...keys.filter((key) => key !== sealing)]);
    this.#cancel = this.#clock.after(SETTLES_AFTER, () => this.#use(keys));
  }

  close(): void {
    this.#cancel();
  }

  #use(keys: readonly SealKey[]): void {
    this.#current = keys[0];
    this.#onKeys(keys);
  }
}

function toFault(path: string, cause: unknown): BerthError {
  if (cause instanceof BerthError) return cause;
  return new BerthError('bad-setting', `the sealing keys in ${path} cannot be read`, { cause });
}
