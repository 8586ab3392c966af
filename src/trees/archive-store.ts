/**
 * Archives of trees on disk, named by the SHA-256 of their bytes. An archive is there whole or not at all: it is written beside its
 * place, checked, made durable and renamed.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BerthError } from '../errors.ts';

const DIGEST = /^[0-9a-f]{64}$/;

export interface StoredArchive {
  readonly digest: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

export interface ArchiveInput {
  readonly digest: string;
  /** Named on what is kept of the upload: it can be made once. */
  readonly job: string;
  readonly body: Readable;
  readonly maxBytes: number;
}

/** Whether a text is a SHA-256 as we write it. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

export class ArchiveStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the folders, and removes what a killed program left half-written. */
  async open(): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true });
    for (const folder of [this.#incoming, this.#spent, this.#archives])
      await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  path(digest: string): string {
    if (!isDigest(digest)) throw new RangeError('not a digest');
    return join(this.#archives, digest);
  }

  /** Undefined when it is not there; it counts as used now. */
  async find(digest: string): Promise<StoredArchive | undefined> {
    const info = await stat(this.path(digest)).catch(() => undefined);
    if (!info) return undefined;
    const now = new Date();
    await utimes(this.path(digest), now, now).catch(() => undefined);
    return { digest, bytes: info.size, lastUsed: now.getTime() };
  }

  /** True when it was written, false when it was there already. Rejects with `bad-input`, `conflict` or `too-large`. */
  async put({ digest, job, body, maxBytes }: ArchiveInput): Promise<boolean> {
    await this.#claim(job, digest);
    if (await this.find(digest)) return false;
    const temporary = join(this.#incoming, randomUUID());
    try {
      await writeChecked(temporary, body, { digest, maxBytes });
      await rename(temporary, this.path(digest));
      await syncFolder(this.#archives);
      return true;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** The longest unused first. */
  async list(): Promise<StoredArchive[]> {
    const found: StoredArchive[] = [];
    for (const digest of (await readdir(this.#archives)).filter(isDigest)) {
      const info = await stat(this.path(digest)).catch(() => undefined);
      if (info) found.push({ digest, bytes: info.size, lastUsed: info.mtimeMs });
    }
    return found.sort((a, b) => a.lastUsed - b.lastUsed);
  }

  async remove(digest: string): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  /** Forgets uploads whose Jobs are long gone; `before` in milliseconds since 1970. */
  async forgetUploads(before: number): Promise<void> {
    for (const job of await readdir(this.#spent)) {
      const info = await stat(join(this.#spent, job)).catch(() => undefined);
      if (info && info.mtimeMs < before) await rm(join(this.#spent, job), { force: true });
    }
  }

  /** A token is good for one tree: whoever gets hold of it later can put only what is there already. */
  async #claim(job: string, digest: string): Promise<void> {
    const file = join(this.#spent, job);
    try {
      await writeFile(file, digest, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const spent = await readFile(file, 'utf8');
      // A crash between claim and digest leaves an empty note, which binds nobody.
      if (spent === '') await writeFile(file, digest);
      else if (spent !== digest) throw new BerthError('conflict', 'this token has put another tree');
    }
  }

  get #incoming(): string {
    return join(this.#root, 'incoming');
  }

  get #spent(): string {
    return join(this.#root, 'spent');
  }

  get #archives(): string {
    return join(this.#root, 'archives');
  }
}

async function writeChecked(
  file: string,
  body: Readable,
  { digest, maxBytes }: { readonly digest: string; readonly maxBytes: number },
): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await open(file, 'wx', 0o600);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    if (hash.digest('hex') !== digest)
      throw new BerthError('bad-input', 'the bytes are not those of the digest');
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** For an upload beyond the limit, announced or not. */
export function tooLarge(maxBytes: number): BerthError {
  return new BerthError('too-large', `the tree is larger than ${maxBytes} bytes`, {
    hint: 'Raise trees.maxUploadBytes, or use a smaller package.',
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().catch(() => undefined);
  await folder.close();
}
