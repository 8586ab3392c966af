/**
 * The names of all projects of a Python index, kept on disk: indexes have no search. Fetched in the background, at most once a
 * day, with ETag; what cannot be read leaves the list that there is.
 */
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BerthError, toBerthError } from '../errors.ts';
import { registryGet } from '../packages/registry-get.ts';
import type { NameQuery, NamesFound } from './name-search.ts';
import { NameSearchWorker } from './name-search-worker.ts';
import { readOffThread } from './read-off-thread.ts';
import { malformed } from './registry-reader.ts';

const ACCEPT = 'application/vnd.pypi.simple.v1+json, text/html;q=0.2';
const MAX_BYTES = 256 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 300_000;
/** How long a list counts as current. */
export const NAMES_TTL_MS = 86_400_000;
/** After a failure, unless the index says otherwise. */
const RETRY_MS = 300_000;

interface Meta {
  readonly etag?: string;
  readonly serial?: number;
  readonly count: number;
  /** Milliseconds since 1970 at which the index was last asked with success. */
  readonly at: number;
  /** Name of the file with the names, in the same folder. */
  readonly file: string;
}

export interface NameListInput {
  /** Where the lists are kept. */
  readonly folder: string;
  /** Front page of the index, with a slash at its end. */
  readonly index: URL;
  readonly ca: string | undefined;
  readonly now?: () => number;
}

export type NameAnswer =
  | { readonly state: 'preparing' }
  | {
      readonly state: 'ok';
      readonly found: NamesFound;
      readonly count: number;
      readonly ageMs: number;
      readonly stale?: BerthError;
    };

export class NameList {
  readonly #input: NameListInput;
  readonly #now: () => number;
  readonly #name: string;
  #meta: Promise<Meta | undefined> | undefined;
  #worker: { readonly file: string; readonly search: NameSearchWorker } | undefined;
  #refreshing: Promise<void> | undefined;
  #failure: { readonly error: BerthError; readonly retryAt: number } | undefined;
  readonly #closed = new AbortController();

  constructor(input: NameListInput) {
    this.#input = input;
    this.#now = input.now ?? Date.now;
    const { origin, pathname } = input.index;
    this.#name = `names-${createHash('sha256').update(`${origin}${pathname}`).digest('hex').slice(0, 16)}`;
  }

  /** Waits for a first list until the signal aborts, then says `preparing`. Rejects when there is none and none can be had. */
  async find(query: NameQuery, signal: AbortSignal): Promise<NameAnswer> {
    const kept = await this.#current();
    if (kept === undefined || this.#now() - kept.at >= NAMES_TTL_MS) this.#refresh();
    if (kept === undefined && this.#refreshing) await settledOrAborted(this.#refreshing, signal);
    const meta = await this.#current();
    if (meta === undefined) {
      if (this.#failure) throw this.#failure.error;
      return { state: 'preparing' };
    }
    const stale = this.#failure?.error;
    const found = await this.#search(meta).find(query);
    return {
      state: 'ok',
      found,
      count: meta.count,
      ageMs: Math.max(0, this.#now() - meta.at),
      ...(stale !== undefined && { stale }),
    };
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('closed'));
    await this.#refreshing;
    await this.#worker?.search.close();
  }

  /** Starts to fetch the list, unless that is under way or has just failed. */
  #refresh(): void {
    if (this.#refreshing || this.#closed.signal.aborted) return;
    if (this.#failure && this.#now() < this.#failure.retryAt) return;
    this.#refreshing = (async () => {
      try {
        await this.#fetch(await this.#current());
        this.#failure = undefined;
      } catch (thrown) {
        const error = toBerthError(thrown);
        const seconds = error.details.data?.retryAfterSeconds;
        const wait = typeof seconds === 'number' ? seconds * 1_000 : RETRY_MS;
        this.#failure = { error, retryAt: this.#now() + wait };
      } finally {
        this.#refreshing = undefined;
      }
    })();
  }

  async #fetch(old: Meta | undefined): Promise<void> {
    const { index, ca, folder } = this.#input;
    const answer = await registryGet(index, {
      label: 'the Python index',
      accept: ACCEPT,
      maxBytes: MAX_BYTES,
      timeout: FETCH_TIMEOUT_MS,
      etag: old?.etag,
      options: ca === undefined ? {} : { ca },
      signal: this.#closed.signal,
    });
    if (answer.kind === 'absent')
      throw new BerthError('registry-failed', 'the Python index has no list of its projects', {
        data: { reason: 'status' },
      });
    if (answer.kind === 'unchanged') return await this.#keep({ ...(old as Meta), at: this.#now() });
    const serial = Number(answer.headers.get('x-pypi-last-serial') ?? Number.NaN);
    const { etag } = answer;
    const shared = { at: this.#now(), ...(etag !== undefined && { etag }) };
    // The same state of the index under another ETag, or under none.
    if (old?.serial !== undefined && old.serial === serial) return await this.#keep({ ...old, ...shared });
    await mkdir(folder, { recursive: true });
    const scratch = join(folder, `${this.#name}-${randomUUID()}`);
    try {
      await writeFile(`${scratch}.page`, answer.body);
      const read = await this.#read(`${scratch}.page`, answer.type, `${scratch}.txt`);
      const known = Number.isSafeInteger(serial) ? serial : read.serial;
      await this.#keep({
        ...shared,
        count: read.count,
        file: basename(`${scratch}.txt`),
        ...(known !== undefined && { serial: known }),
      });
      if (old) await rm(join(folder, old.file), { force: true });
    } catch (thrown) {
      await rm(`${scratch}.txt`, { force: true });
      throw thrown;
    } finally {
      await rm(`${scratch}.page`, { force: true });
    }
  }

  async #read(from: string, type: string, to: string) {
    try {
      return await readOffThread({ kind: 'names', from, type, to }, this.#closed.signal);
    } catch (cause) {
      throw malformed('the Python index', type, cause);
    }
  }

  async #keep(meta: Meta): Promise<void> {
    const file = this.#metaFile();
    await writeFile(`${file}.new`, JSON.stringify(meta));
    await rename(`${file}.new`, file);
    this.#meta = Promise.resolve(meta);
  }

  #current(): Promise<Meta | undefined> {
    this.#meta ??= this.#load();
    return this.#meta;
  }

  async #load(): Promise<Meta | undefined> {
    try {
      const meta = JSON.parse(await readFile(this.#metaFile(), 'utf8')) as Meta;
      if (typeof meta.file !== 'string' || typeof meta.at !== 'number') return undefined;
      await access(join(this.#input.folder, meta.file));
      return meta;
    } catch {
      return undefined;
    }
  }

  #metaFile(): string {
    return join(this.#input.folder, `${this.#name}.json`);
  }

  #search({ file }: Meta): NameSearchWorker {
    if (this.#worker?.file === file && !this.#worker.search.ended) return this.#worker.search;
    void this.#worker?.search.close();
    this.#worker = { file, search: new NameSearchWorker(join(this.#input.folder, file)) };
    return this.#worker.search;
  }
}

async function settledOrAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  signal.addEventListener('abort', abort, { once: true });
  if (!signal.aborted) await Promise.race([work, aborted.promise]);
  signal.removeEventListener('abort', abort);
}
