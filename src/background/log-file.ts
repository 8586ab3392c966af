/** The log of a gateway in the background: one file in the data folder, and the one before it. */
import { copyFileSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cancel, Clock } from '../clock.ts';

/** Bytes from which on the file is put aside. */
export const LOG_BYTES = 16 * 1024 * 1024;
/** Milliseconds between looks at its size. */
const LOOK_EVERY = 30_000;

export function logFileOf(dataDir: string): string {
  return join(dataDir, 'gateway.log');
}

/** A descriptor that appends; folder and file are their owner's only. */
export function openLogFile(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  return openSync(file, 'a', 0o600);
}

/** Looks at the file now and then for as long as the program whose output it takes runs. */
export function keepLogShort(file: string, clock: Clock): Cancel {
  return clock.every(LOOK_EVERY, () => shorten(file));
}

/**
 * What is in a file that has grown too long becomes that of `<file>.1`. The descriptor that writes appends, so it goes on at the
 * beginning; in the program that writes, nothing gets lost in between, because both steps are one turn.
 */
export function shorten(file: string, limit = LOG_BYTES): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= limit) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file, 0);
}

/** The newest lines; none when there is no such file. */
export function lastLines(file: string, count: number): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count);
  } catch {
    return [];
  }
}
