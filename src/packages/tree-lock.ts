/** A lock that holds between programs: a file with its owner, kept fresh, taken over when the owner is gone. */

import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 100;
const REFRESH_MS = 5_000;
/** An owner on another machine that has not refreshed its lock for so long is gone. */
const STALE_MS = 60_000;

interface Owner {
  readonly host: string;
  readonly pid: number;
  readonly token: string;
}

/** Runs `work` while no other holder of `file` does. Rejects with the signal's reason while waiting. */
export async function withFileLock<T>(
  file: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const owner: Owner = { host: hostname(), pid: process.pid, token: randomUUID() };
  while (!(await tryCreate(file, owner))) {
    if (await isStale(file)) await breakLock(file);
    else await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  const refresh = setInterval(() => void touch(file), REFRESH_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    await release(file, owner);
  }
}

/** True while a living program holds the lock. */
export async function isLocked(file: string): Promise<boolean> {
  return (await readOwner(file)) !== undefined && !(await isStale(file));
}

async function tryCreate(file: string, owner: Owner): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(JSON.stringify(owner)).finally(() => handle.close());
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readOwner(file: string): Promise<Partial<Owner> | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial<Owner>;
  } catch (error) {
    // Unreadable text: its owner is about to write it, or died before; age decides.
    return hasCode(error, 'ENOENT') ? undefined : {};
  }
}

async function isStale(file: string): Promise<boolean> {
  const owner = await readOwner(file);
  if (owner === undefined) return false;
  if (owner.host === hostname() && owner.pid !== undefined && !isAlive(owner.pid)) return true;
  const info = await stat(file).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > STALE_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Renames before removing: of two that find the same stale lock, the slower one must not remove the faster one's new lock. */
async function breakLock(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}.stale`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  const taken = await readOwner(aside);
  const wasFresh = taken?.host === hostname() && taken.pid !== undefined && isAlive(taken.pid);
  const age = wasFresh ? await ageOf(aside) : Number.POSITIVE_INFINITY;
  if (wasFresh && age < STALE_MS) await rename(aside, file).catch(() => undefined);
  else await rm(aside, { force: true });
}

async function ageOf(file: string): Promise<number> {
  const info = await stat(file).catch(() => undefined);
  return info === undefined ? Number.POSITIVE_INFINITY : Date.now() - info.mtimeMs;
}

async function touch(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now).catch(() => undefined);
}

async function release(file: string, owner: Owner): Promise<void> {
  const held = await readOwner(file);
  if (held?.token === owner.token) await rm(file, { force: true });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
