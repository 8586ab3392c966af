/**
 * A mirror on disk: the copy that is searched, and the changes of the round that goes on. Every page is on disk before the next one is
 * asked for, so that a round that breaks off goes on where it was; the copy is replaced as a whole, at the end of a round.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Found } from '../found.ts';

/** One server; without `found` it is gone. */
export interface MirrorEntry {
  readonly name: string;
  readonly found?: Found;
}

export interface Copy {
  readonly file: string;
  readonly count: number;
  /** Milliseconds since 1970 at which its round began. */
  readonly at: number;
  /** What the next round asks for: changes since then, by the clock of the registry. */
  readonly since: string;
}

export interface Round {
  readonly file: string;
  /** Of the file; what stands behind them is of a page that was not finished. */
  readonly bytes: number;
  /** Where to go on. */
  readonly cursor?: string;
  /** Absent for everything. */
  readonly since?: string;
  readonly at: number;
  /** What will be the `since` of the copy. */
  readonly startedAt: string;
  readonly pages: number;
}

export interface MirrorState {
  readonly url: string;
  readonly copy?: Copy;
  readonly round?: Round;
}

/** Lines between two pauses for the rest of the program. */
const SLICE = 500;

export class MirrorFile {
  readonly #folder: string;
  readonly #name: string;
  readonly #url: string;

  /** `name`: what its files begin with. */
  constructor({ folder, name, url }: { folder: string; name: string; url: string }) {
    this.#folder = folder;
    this.#name = name;
    this.#url = url;
  }

  /** What cannot be read counts as nothing. */
  async state(): Promise<MirrorState> {
    try {
      const state = JSON.parse(await readFile(this.#stateFile(), 'utf8')) as MirrorState;
      return state.url === this.#url ? state : { url: this.#url };
    } catch {
      return { url: this.#url };
    }
  }

  /** A round with no page yet. */
  async begin(round: Pick<Round, 'since' | 'at' | 'startedAt'>): Promise<Round> {
    const { copy, round: old } = await this.state();
    await mkdir(this.#folder, { recursive: true });
    const begun = { ...round, file: `${this.#name}-${randomUUID()}.changes`, bytes: 0, pages: 0 };
    await writeFile(join(this.#folder, begun.file), '');
    await this.#write({ copy, round: begun });
    if (old) await this.#remove(old.file);
    return begun;
  }

  /** Resolves with the round as it is after this page. */
  async add(round: Round, entries: readonly MirrorEntry[], cursor: string | undefined): Promise<Round> {
    const { copy } = await this.state();
    const path = join(this.#folder, round.file);
    await truncate(path, round.bytes);
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    await appendFile(path, text);
    const { cursor: _before, ...rest } = round;
    const next = {
      ...rest,
      bytes: round.bytes + Buffer.byteLength(text),
      pages: round.pages + 1,
      ...(cursor !== undefined && { cursor }),
    };
    await this.#write({ copy, round: next });
    return next;
  }

  /** Makes `entries` the copy, and ends the round. */
  async finish(round: Round, entries: ReadonlyMap<string, Found>): Promise<Copy> {
    const { copy: old } = await this.state();
    const file = `${this.#name}-${randomUUID()}.servers`;
    await writeFile(join(this.#folder, file), '');
    const all = [...entries];
    for (let from = 0; from < all.length; from += SLICE) {
      const lines = all
        .slice(from, from + SLICE)
        .map(([name, found]) => `${JSON.stringify({ name, found })}\n`);
      await appendFile(join(this.#folder, file), lines.join(''));
    }
    const copy = { file, count: all.length, at: round.at, since: round.startedAt };
    await this.#write({ copy });
    await Promise.all([this.#remove(round.file), old && this.#remove(old.file)]);
    return copy;
  }

  /** Gives up a round; the copy stays. */
  async abandon({ file }: Round): Promise<void> {
    const { copy } = await this.state();
    await this.#write({ copy });
    await this.#remove(file);
  }

  /** Puts the entries of a file over those that are there. Rejects when it is not to be read. */
  async readInto(entries: Map<string, Found>, file: string, bytes?: number): Promise<void> {
    if (bytes === 0) return;
    const input = createReadStream(join(this.#folder, file), bytes === undefined ? {} : { end: bytes - 1 });
    let count = 0;
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const { name, found } = JSON.parse(line) as MirrorEntry;
      if (found) entries.set(name, found);
      else entries.delete(name);
      if (++count % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #write({ copy, round }: { copy: Copy | undefined; round?: Round }): Promise<void> {
    const state: MirrorState = { url: this.#url, ...(copy && { copy }), ...(round && { round }) };
    const draft = `${this.#stateFile()}.${randomUUID()}`;
    await writeFile(draft, JSON.stringify(state));
    await rename(draft, this.#stateFile());
  }

  #stateFile(): string {
    return join(this.#folder, `${this.#name}.json`);
  }

  async #remove(file: string): Promise<void> {
    await rm(join(this.#folder, file), { force: true });
  }
}
