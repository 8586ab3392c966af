/** Changes of a file by several programs, one after the other: a lock beside it, for the milliseconds that a change takes. */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { BerthError } from '../errors.ts';

/** Milliseconds between tries, and how many there are. */
const WAIT = 20;
const TRIES = 250;

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** Runs `change` while no other program does. Blocks for as long as another one is at it; throws `conflict` after five seconds. */
export function whileLocked<T>(path: string, change: () => T, tries = TRIES): T {
  const lock = `${path}.lock`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  take(lock, tries);
  try {
    return change();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string, tries: number): void {
  for (let tried = 0; tried < tries; tried += 1) {
    if (isTaken(lock)) return;
    // On every fiftieth try: a lock is made and signed in two steps, and between them it names nobody.
    if (tried % 50 === 49) breakIfLeft(lock);
    Atomics.wait(nothing, 0, 0, WAIT);
  }
  throw new BerthError('conflict', `another program holds ${lock}`, {
    hint: 'Try again. If no other program of Berth runs, remove that file.',
  });
}

function isTaken(lock: string): boolean {
  try {
    const file = openSync(lock, 'wx', 0o600);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes away the lock of a program that is gone. What turns out to be somebody else's by then is put back. */
function breakIfLeft(lock: string): void {
  const owner = ownerOf(lock);
  if (owner === undefined || isAlive(Number(owner))) return;
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (ownerOf(aside) !== owner) linkSync(aside, lock);
  } catch {
    // Another program was faster, in either step.
  } finally {
    rmSync(aside, { force: true });
  }
}

function ownerOf(lock: string): string | undefined {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  // One that died before it signed.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
