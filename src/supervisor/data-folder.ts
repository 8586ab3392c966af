/** One gateway per data folder: its lock, and the id by which the folder's processes are known. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { BerthError } from '../errors.ts';
import {
  type Announcement,
  announce,
  bootId,
  isAlive,
  LOCK_FILE,
  type ProcessIdentity,
  parseIdentity,
  readText,
  withdraw,
} from './folder-holder.ts';
import type { ProcessOwner } from './process-mark.ts';
import type { ProcessTable } from './process-table.ts';

export interface DataFolderLock {
  /** What marks the processes of this gateway. */
  readonly owner: ProcessOwner;
  /** Tells those who look at the folder where the gateway is. */
  announce(announcement: Announcement): Promise<void>;
  /** Gives the folder free. Idempotent. */
  close(): Promise<void>;
}

interface Holder extends ProcessIdentity {
  readonly nonce: string;
}

const ID_FILE = 'id';
const ID = /^[0-9a-f]{16}$/;
const MOST_TRIES = 5;
/** After a stale lock, how long another that found it stale too may need to notice ours. */
const SETTLE_MS = 50;

/**
 * Locks `dir` (made when missing) for this program. Rejects with `conflict`, naming the pid, while another gateway holds it; the
 * lock of one that is dead is taken over. Programs in different containers do not see each other's pids: give each its own folder.
 */
export async function lockDataFolder(dir: string, table: ProcessTable): Promise<DataFolderLock> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const started = table.started(process.pid) ?? '0';
  const holder = { pid: process.pid, started, boot: await bootId(), nonce: randomBytes(6).toString('hex') };
  const file = join(dir, LOCK_FILE);
  await take(file, holder, table);
  const folder = await folderId(dir);
  let closed: Promise<void> | undefined;
  return {
    owner: { folder, pid: holder.pid, started: holder.started },
    announce: (announcement) => {
      const { pid, boot } = holder;
      return announce(dir, { pid, started, boot }, announcement);
    },
    close() {
      closed ??= withdraw(dir).finally(() => release(file, holder));
      return closed;
    },
  };
}

async function take(file: string, holder: Holder, table: ProcessTable): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (await create(file, JSON.stringify(holder))) {
      if (tries > 0) await setTimeout(SETTLE_MS);
      if ((await readText(file)) === JSON.stringify(holder)) return;
    }
    const text = await readText(file);
    const other = parseIdentity(text);
    if (other && isAlive(other, holder.boot, table)) throw conflict(other.pid);
    if (text !== undefined) await removeStale(file, text);
  }
  throw new BerthError('conflict', 'other gateways are starting on this data folder', {
    hint: 'Start one gateway per data folder.',
  });
}

/** A link appears with its whole content or not at all, and never replaces another. */
async function create(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, text, { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Takes the lock file out of the way; puts it back when it was no longer the one that was found stale. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
    if ((await readText(aside)) !== stale) await link(aside, file);
  } catch {
    // Another program was faster: the next try finds what it left.
  } finally {
    await rm(aside, { force: true });
  }
}

async function release(file: string, holder: Holder): Promise<void> {
  if ((await readText(file)) === JSON.stringify(holder)) await rm(file, { force: true });
}

function conflict(pid: number): BerthError {
  return new BerthError('conflict', `another gateway (pid ${pid}) uses this data folder`, {
    hint: 'End that gateway with: berth down. Or give this one another data folder.',
  });
}

async function folderId(dir: string): Promise<string> {
  const file = join(dir, ID_FILE);
  const known = await readText(file);
  if (known !== undefined && ID.test(known)) return known;
  const id = randomBytes(8).toString('hex');
  await writeFile(file, id, { mode: 0o600 });
  return id;
}
