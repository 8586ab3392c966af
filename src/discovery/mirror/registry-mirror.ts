/** The mirror of one MCP registry: made and renewed by `berth registry sync`, searched without asking anybody. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError } from '../../errors.ts';
import { registryGet } from '../../packages/registry-get.ts';
import type { Found, ProviderAnswer, Query } from '../found.ts';
import { readRegistryPage, serversUrl } from '../registry-items.ts';
import { malformed } from '../registry-reader.ts';
import { type Copy, MirrorFile } from './mirror-file.ts';
import { findBest, type MirroredServer, toMirrored } from './mirror-search.ts';
import { type AnsweredPage, type SyncProgress, type SyncResult, syncRegistry } from './sync.ts';

export interface MirrorInput {
  readonly folder: string;
  readonly url: URL;
  readonly now: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface MirrorStatus {
  /** Servers of the copy; absent while there is none. */
  readonly servers?: number;
  readonly ageSeconds?: number;
  /** Pages of a round that has not come to its end. */
  readonly unfinishedPages?: number;
}

export interface SyncRequest {
  readonly full: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SyncProgress) => void;
}

const MAX_BYTES = 16 * 1024 * 1024;
const PAGE_TIMEOUT_MS = 30_000;

interface Loaded {
  readonly file: string;
  readonly entries: readonly MirroredServer[];
}

export class RegistryMirror {
  readonly #input: MirrorInput;
  readonly #file: MirrorFile;
  readonly #label: string;
  #loaded: Promise<Loaded> | undefined;
  #loadedFile: string | undefined;
  #running = false;

  constructor(input: MirrorInput) {
    const { folder, url } = input;
    this.#input = input;
    this.#label = `the MCP registry ${url.host}`;
    const address = `${url.origin}${url.pathname}`;
    const name = `registry-${createHash('sha256').update(address).digest('hex').slice(0, 16)}`;
    this.#file = new MirrorFile({ folder, name, url: address });
  }

  async status(): Promise<MirrorStatus> {
    const { copy, round } = await this.#file.state();
    return {
      ...(copy && { servers: copy.count, ageSeconds: Math.round(this.#age(copy) / 1_000) }),
      ...(round && { unfinishedPages: round.pages }),
    };
  }

  /** What fits best, at most `limit`; undefined while there is no copy. */
  async find(query: Query, limit: number): Promise<ProviderAnswer | undefined> {
    const { copy } = await this.#file.state();
    if (!copy) return undefined;
    const entries = await this.#load(copy).catch(() => undefined);
    if (!entries) return undefined;
    return { found: await findBest(query, entries, limit), ageMs: this.#age(copy) };
  }

  /** Rejects with `conflict` while another one goes on, with `registry-failed`, or with the reason of the signal. */
  async sync({ full, signal, onProgress }: SyncRequest): Promise<SyncResult> {
    if (this.#running)
      throw new BerthError('conflict', `${this.#label} is being mirrored already`, {
        hint: 'Wait until that is done: berth registry ls.',
      });
    this.#running = true;
    try {
      return await syncRegistry({
        ...{ file: this.#file, label: this.#label, full, signal, onProgress },
        ask: (query, ending) => this.#ask(query, ending),
        now: this.#input.now,
        wait: this.#input.wait ?? pause,
      });
    } finally {
      this.#running = false;
    }
  }

  async #ask(query: URLSearchParams, signal: AbortSignal): Promise<AnsweredPage | undefined> {
    const answer = await registryGet(serversUrl(this.#input.url, query), {
      label: this.#label,
      accept: 'application/json',
      maxBytes: MAX_BYTES,
      timeout: PAGE_TIMEOUT_MS,
      options: {},
      signal,
    });
    if (answer.kind !== 'document') return undefined;
    const date = Date.parse(answer.headers.get('date') ?? '');
    try {
      return { ...readRegistryPage(answer.body), date: Number.isNaN(date) ? this.#input.now() : date };
    } catch (cause) {
      throw malformed(this.#label, answer.type, cause);
    }
  }

  async #load(copy: Copy): Promise<Loaded['entries']> {
    if (this.#loadedFile !== copy.file || !this.#loaded) {
      this.#loadedFile = copy.file;
      this.#loaded = this.#read(copy);
      this.#loaded.catch(() => {
        this.#loaded = undefined;
      });
    }
    return (await this.#loaded).entries;
  }

  async #read({ file }: Copy): Promise<Loaded> {
    const entries = new Map<string, Found>();
    await this.#file.readInto(entries, file);
    return { file, entries: [...entries.values()].map(toMirrored) };
  }

  #age({ at }: Copy): number {
    return Math.max(0, this.#input.now() - at);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}
