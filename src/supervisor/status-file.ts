/** Keeps a small file that says how the supervisor fares: written whole, and again and again, so that its age says that it runs. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../clock.ts';

export interface StatusFileOptions {
  readonly path: string;
  /** A second file that is written in place: a container's termination message, which cannot be replaced. */
  readonly copy?: string;
  readonly text: () => string;
  readonly clock: Clock;
}

export interface StatusFile {
  /** Writes it at once. */
  update(): void;
  /** Writes it for the last time. Idempotent. */
  close(): void;
}

const EVERY_MS = 1_000;

/** Writes the file and goes on writing it. Throws when it cannot be written at first; later that is for the probe to find. */
export function keepStatusFile(options: StatusFileOptions): StatusFile {
  mkdirSync(dirname(options.path), { recursive: true });
  write(options);
  const update = (): void => {
    try {
      write(options);
    } catch {
      // A file that is not written anew counts as dead.
    }
  };
  let stop: (() => void) | undefined = options.clock.every(EVERY_MS, update);
  return {
    update,
    close: () => {
      if (!stop) return;
      stop();
      stop = undefined;
      update();
    },
  };
}

function write({ path, copy, text }: StatusFileOptions): void {
  const now = text();
  writeFileSync(`${path}.new`, now);
  renameSync(`${path}.new`, path);
  if (copy !== undefined) writeFileSync(copy, now);
}
