/** One npm registry: what it can be asked, and what it turned out to be able to. Registries differ, and proxies leave things out. */
import { BerthError } from '../errors.ts';
import type { NpmOptions } from '../packages/npm-config.ts';
import type { AnswerCache, Kept } from './answer-cache.ts';
import type { Capability } from './found.ts';
import { asObject, type NpmDocument, type NpmVersion, readNpmManifest } from './npm-document.ts';
import { readSearchPage, type SearchPage } from './npm-search-page.ts';
import { readOffThread } from './read-off-thread.ts';
import { type AskHow, below, RegistryReader } from './registry-reader.ts';

const SEARCH_BYTES = 4 * 1024 * 1024;
const MANIFEST_BYTES = 4 * 1024 * 1024;
const DOCUMENT_BYTES = 64 * 1024 * 1024;
const EXTRA_TIMEOUT_MS = 5_000;

export type NpmCapabilities = Record<
  'search' | 'deprecated' | 'signatures' | 'attestations' | 'downloads' | 'etag',
  Capability
>;

export interface DayDownloads {
  readonly day: string;
  readonly downloads: number;
}

export interface NpmRegistryInput {
  /** What it is called in messages. */
  readonly label: string;
  readonly url: URL;
  readonly options: NpmOptions;
  readonly cache: AnswerCache;
  /** Shared by all readers of one registry. */
  readonly capabilities: NpmCapabilities;
  /** Where download numbers are, when they are not at the registry itself. */
  readonly downloadsUrl?: URL | undefined;
}

export function unknownNpmCapabilities(): NpmCapabilities {
  return {
    search: 'unknown',
    deprecated: 'unknown',
    signatures: 'unknown',
    attestations: 'unknown',
    downloads: 'unknown',
    etag: 'unknown',
  };
}

export class NpmRegistryReader {
  readonly label: string;
  readonly capabilities: NpmCapabilities;
  readonly #url: URL;
  readonly #downloadsUrl: URL;
  readonly #reader: RegistryReader;

  constructor({ label, url, options, cache, capabilities, downloadsUrl }: NpmRegistryInput) {
    this.label = label;
    this.capabilities = capabilities;
    this.#url = url;
    this.#downloadsUrl = downloadsUrl ?? url;
    this.#reader = new RegistryReader({
      label,
      options,
      cache,
      onDocument: ({ etag }) => {
        capabilities.etag = etag !== undefined || capabilities.etag === true;
      },
    });
  }

  /** Undefined when this registry has no search. */
  async search(text: string, size: number, how: AskHow): Promise<Kept<SearchPage | undefined>> {
    const url = below(this.#url, `-/v1/search?${new URLSearchParams({ text, size: String(size) })}`);
    const read = ({ body }: { body: Buffer }) => readSearchPage(body.toString('utf8'));
    const kept = await this.#reader.ask(url, { how, maxBytes: SEARCH_BYTES, read });
    this.capabilities.search = kept.value !== undefined;
    return kept;
  }

  /** What a tag or an exact version is; undefined when there is none. */
  async manifest(name: string, version: string, how: AskHow): Promise<Kept<NpmVersion | undefined>> {
    const url = below(this.#url, `${pathOf(name)}/${encodeURIComponent(version)}`);
    const read = ({ body }: { body: Buffer }) => readNpmManifest(body.toString('utf8'), name);
    return await this.#reader.ask(url, { how, maxBytes: MANIFEST_BYTES, read });
  }

  /** All versions; undefined when there is no such package. */
  async document(name: string, how: AskHow): Promise<Kept<NpmDocument | undefined>> {
    const read = ({ body }: { body: Buffer }) => readOffThread({ kind: 'npm-document', body, name });
    const kept = await this.#reader.ask(below(this.#url, pathOf(name)), {
      how,
      maxBytes: DOCUMENT_BYTES,
      read,
    });
    if (kept.value) this.#learn(kept.value);
    return kept;
  }

  /** True when the registry has attestations of the version, undefined when it cannot tell. */
  async attested(name: string, version: string, how: Omit<AskHow, 'timeout'>): Promise<true | undefined> {
    const id = `${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
    const list = await this.#extra(below(this.#url, `-/npm/v1/attestations/${id}`), how, 'attestations');
    if (list === undefined || list.length === 0) return undefined;
    this.capabilities.attestations = true;
    return true;
  }

  /** The last month by day, undefined where nobody counts. */
  async downloads(name: string, how: Omit<AskHow, 'timeout'>): Promise<readonly DayDownloads[] | undefined> {
    const url = below(this.#downloadsUrl, `downloads/range/last-month/${name}`);
    const list = await this.#extra(url, how, 'downloads');
    if (list === undefined) return undefined;
    this.capabilities.downloads = true;
    return list.flatMap((one) => {
      const { day, downloads } = asObject(one) ?? {};
      return typeof day === 'string' && typeof downloads === 'number' ? [{ day, downloads }] : [];
    });
  }

  /** A list that not every registry has: its absence and its failures are the same, not known. */
  async #extra(
    url: URL,
    how: Omit<AskHow, 'timeout'>,
    member: string,
  ): Promise<readonly unknown[] | undefined> {
    const read = ({ body }: { body: Buffer }) => {
      const list = asObject(JSON.parse(body.toString('utf8')))?.[member];
      if (!Array.isArray(list)) throw new Error(`has no ${member}`);
      return list as readonly unknown[];
    };
    try {
      const asked = { how: { ...how, timeout: EXTRA_TIMEOUT_MS }, maxBytes: SEARCH_BYTES, read };
      return (await this.#reader.ask(url, asked)).value;
    } catch (thrown) {
      how.signal?.throwIfAborted();
      if (thrown instanceof BerthError && thrown.code === 'registry-failed') return undefined;
      throw thrown;
    }
  }

  #learn({ versions }: NpmDocument): void {
    const known = this.capabilities;
    if (versions.some(({ signed }) => signed)) known.signatures = true;
    if (versions.some(({ attested }) => attested)) known.attestations = true;
    // Who passes signatures on passes everything on; who does not may leave more out.
    if (known.signatures === true || versions.some(({ deprecated }) => deprecated !== undefined))
      known.deprecated = true;
  }
}

function pathOf(name: string): string {
  return name.replace('/', '%2f');
}
