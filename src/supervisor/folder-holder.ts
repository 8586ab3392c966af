/** Who holds a data folder: written by the gateway that locks it, read by whoever looks for that gateway. */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessTable } from './process-table.ts';

/** One process for good: its number alone may be another one's tomorrow. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
  /** Start times begin anew with every boot. */
  readonly boot: string;
}

/** What a gateway tells of itself once it serves. */
export interface Announcement {
  /** What clients are told. */
  readonly url: string;
  /** Where programs of this machine reach it. */
  readonly localUrl: string;
  readonly version: string;
  /** ISO 8601. */
  readonly since: string;
}

export type FolderHolder =
  | { readonly state: 'none' }
  /** The lock of a gateway that ended without giving it back. */
  | { readonly state: 'stale'; readonly pid: number }
  | {
      readonly state: 'held';
      readonly identity: ProcessIdentity;
      /** Absent while it starts. */
      readonly announced?: Announcement;
    };

export const LOCK_FILE = 'gateway.lock';
const ANNOUNCEMENT_FILE = 'gateway.json';

/** Who holds `dir` now. Never rejects: what cannot be read is held by nobody. */
export async function findHolder(dir: string, table: ProcessTable): Promise<FolderHolder> {
  const identity = parseIdentity(await readText(join(dir, LOCK_FILE)));
  if (!identity) return { state: 'none' };
  if (!isAlive(identity, await bootId(), table)) return { state: 'stale', pid: identity.pid };
  const announced = parseAnnouncement(await readText(join(dir, ANNOUNCEMENT_FILE)), identity);
  return { state: 'held', identity, ...(announced && { announced }) };
}

/** Replaces what the folder says of its gateway. */
export async function announce(
  dir: string,
  identity: ProcessIdentity,
  announcement: Announcement,
): Promise<void> {
  const file = join(dir, ANNOUNCEMENT_FILE);
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, JSON.stringify({ ...identity, ...announcement }), { mode: 0o600 });
  await rename(draft, file);
}

export async function withdraw(dir: string): Promise<void> {
  await rm(join(dir, ANNOUNCEMENT_FILE), { force: true });
}

export function isAlive(identity: ProcessIdentity, boot: string, table: ProcessTable): boolean {
  return identity.boot === boot && table.started(identity.pid) === identity.started;
}

export function parseIdentity(text: string | undefined): ProcessIdentity | undefined {
  const { pid, started, boot } = parse(text);
  const whole = typeof pid === 'number' && typeof started === 'string' && typeof boot === 'string';
  return whole ? { pid, started, boot } : undefined;
}

/** Of this very process: an older one's may still lie there. */
function parseAnnouncement(text: string | undefined, of: ProcessIdentity): Announcement | undefined {
  const { pid, started, boot, url, localUrl, version, since } = parse(text);
  if (pid !== of.pid || started !== of.started || boot !== of.boot) return undefined;
  if (typeof url !== 'string' || typeof localUrl !== 'string') return undefined;
  if (typeof version !== 'string' || typeof since !== 'string') return undefined;
  return { url, localUrl, version, since };
}

function parse(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text ?? 'null')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export async function bootId(): Promise<string> {
  return (await readText('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';
}

export async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
