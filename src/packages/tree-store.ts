/**
 * The installed trees on disk: `trees/<key>/` is complete exactly when its marker file is there.
 *
 * A tree is installed at its final path, because virtual environments and native add-ons remember where they are. The
 * marker comes last and goes first. `locks/<key>.json` outlives the tree, so that a collected tree comes back the same.
 */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { endLeftover } from './leftover.ts';
import type { ResolvedPackage } from './package.ts';
import { isLocked, withFileLock } from './tree-lock.ts';

const MARKER = 'berth-tree.json';
const KEY = /^[0-9a-f]{64}$/;

export interface TreeMarker {
  readonly key: string;
  readonly resolved: ResolvedPackage;
  readonly bytes: number;
}

/** What an installer needs to make the same tree again: file names and their text. */
export type TreeLock = Readonly<Record<string, string>>;

export interface StoredTree extends TreeMarker {
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

/** A hash over parts; a part's boundaries count. */
export function treeKey(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

export class TreeStore {
  readonly #root: string;

  constructor(dataDir: string) {
    this.#root = dataDir;
  }

  path(key: string): string {
    if (!KEY.test(key)) throw new RangeError('not a tree key');
    return join(this.#root, 'trees', key);
  }

  /** The marker of a complete tree, which counts as used now; undefined for an absent or half-written one. */
  async find(key: string): Promise<TreeMarker | undefined> {
    if (!KEY.test(key)) return undefined;
    const marker = await this.#readMarker(key);
    const now = new Date();
    if (marker) await utimes(join(this.path(key), MARKER), now, now).catch(() => undefined);
    return marker;
  }

  /** Makes the tree if it is not complete; parallel calls, also of other programs, fill it once. */
  async fill(
    input: { readonly key: string; readonly resolved: ResolvedPackage; readonly lock: TreeLock },
    install: (path: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<TreeMarker> {
    const path = this.path(input.key);
    await mkdir(dirname(path), { recursive: true });
    return await this.#exclusive(input.key, signal, async () => {
      const present = await this.#readMarker(input.key);
      if (present) return present;
      await endLeftover(path);
      await rm(path, { recursive: true, force: true });
      await mkdir(path, { recursive: true });
      for (const [name, text] of Object.entries(input.lock)) await writeFile(join(path, name), text);
      await install(path).catch(async (error: unknown) => {
        await rm(path, { recursive: true, force: true });
        throw error;
      });
      const marker = { key: input.key, resolved: input.resolved, bytes: await bytesOf(path) };
      await this.#remember(input.key, input.lock);
      await writeDurably(join(path, MARKER), JSON.stringify(marker));
      return marker;
    });
  }

  /** The lock of a tree that once was complete here. */
  async lockOf(key: string): Promise<TreeLock | undefined> {
    return KEY.test(key) ? ((await readJson(this.#lockFile(key))) as TreeLock | undefined) : undefined;
  }

  /** The key that the same request led to before. */
  async keyOfRequest(request: string): Promise<string | undefined> {
    const key = await readJson(this.#requestFile(request));
    return typeof key === 'string' && KEY.test(key) ? key : undefined;
  }

  async rememberRequest(request: string, key: string): Promise<void> {
    await mkdir(join(this.#root, 'requests'), { recursive: true });
    await writeDurably(this.#requestFile(request), JSON.stringify(key));
  }

  /** Of parallel calls with one request, also of other programs, only one works at a time. */
  async exclusiveRequest<T>(
    request: string,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    await mkdir(join(this.#root, 'requests'), { recursive: true });
    return await withFileLock(`${this.#requestFile(request)}.mutex`, work, signal);
  }

  /** Runs `work` in a fresh folder that is removed afterwards. */
  async scratch<T>(work: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.#root, 'scratch', randomUUID());
    await mkdir(path, { recursive: true });
    try {
      return await work(path);
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  }

  /** Removes scratch folders that a killed program left; `before` in milliseconds since 1970. */
  async sweepScratch(before: number): Promise<void> {
    const root = join(this.#root, 'scratch');
    for (const name of await readdir(root).catch(() => [])) {
      const path = join(root, name);
      const info = await stat(path).catch(() => undefined);
      if (info !== undefined && info.mtimeMs < before) await rm(path, { recursive: true, force: true });
    }
  }

  /** Complete trees, the longest unused first. */
  async list(): Promise<StoredTree[]> {
    const found: StoredTree[] = [];
    for (const key of await this.#keys()) {
      const marker = await this.#readMarker(key);
      const info = await stat(join(this.path(key), MARKER)).catch(() => undefined);
      if (marker && info) found.push({ ...marker, lastUsed: info.mtimeMs });
    }
    return found.sort((a, b) => a.lastUsed - b.lastUsed);
  }

  /** Keys of trees that were left half-written and that nobody is writing now. */
  async listBroken(): Promise<string[]> {
    const broken: string[] = [];
    for (const key of await this.#keys()) {
      if (!(await this.#readMarker(key)) && !(await isLocked(this.#mutexFile(key)))) broken.push(key);
    }
    return broken;
  }

  /** Removes a tree; its lock stays. */
  async remove(key: string): Promise<void> {
    const path = this.path(key);
    await this.#exclusive(key, undefined, async () => {
      await rm(join(path, MARKER), { force: true });
      await endLeftover(path);
      await rm(path, { recursive: true, force: true });
    });
  }

  async #keys(): Promise<string[]> {
    const names = await readdir(join(this.#root, 'trees')).catch(() => []);
    return names.filter((name) => KEY.test(name));
  }

  async #readMarker(key: string): Promise<TreeMarker | undefined> {
    const marker = (await readJson(join(this.path(key), MARKER))) as Partial<TreeMarker> | undefined;
    const complete = marker?.key === key && marker.resolved !== undefined && marker.bytes !== undefined;
    return complete ? (marker as TreeMarker) : undefined;
  }

  async #remember(key: string, lock: TreeLock): Promise<void> {
    await mkdir(join(this.#root, 'locks'), { recursive: true });
    await writeDurably(this.#lockFile(key), JSON.stringify(lock));
  }

  async #exclusive<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return await withFileLock(this.#mutexFile(key), work, signal);
  }

  #mutexFile(key: string): string {
    return `${this.path(key)}.mutex`;
  }

  #lockFile(key: string): string {
    return join(this.#root, 'locks', `${key}.json`);
  }

  #requestFile(request: string): string {
    return join(this.#root, 'requests', `${treeKey([request])}.json`);
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** After this returns the file is there with its whole text, or a power cut left the old one. */
async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(dirname(file), 'r');
  await folder.sync().catch(() => undefined);
  await folder.close();
}

async function bytesOf(path: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
