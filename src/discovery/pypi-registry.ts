/** One Python index: its pages are standard, its JSON API is not, and many have none. */

import { normalisePypiName } from '../packages/package-source.ts';
import type { PypiSettings } from '../packages/pypi-config.ts';
import { readSimplePage, SIMPLE_PAGE_TYPES } from '../packages/simple-page.ts';
import type { AnswerCache, Kept } from './answer-cache.ts';
import type { Capability } from './found.ts';
import { PypiCalls } from './pypi-calls.ts';
import { type PypiMetadata, type PypiProject, readPypiMetadata, toProject } from './pypi-document.ts';
import { type AskHow, below, RegistryReader } from './registry-reader.ts';

const MAX_BYTES = 32 * 1024 * 1024;

export type PypiCapabilities = Record<
  'names' | 'jsonPages' | 'metadata' | 'attestations' | 'etag' | 'maintainers' | 'classifiers',
  Capability
>;

export function unknownPypiCapabilities(): PypiCapabilities {
  return {
    names: 'unknown',
    jsonPages: 'unknown',
    metadata: 'unknown',
    attestations: 'unknown',
    etag: 'unknown',
    maintainers: 'unknown',
    classifiers: 'unknown',
  };
}

export interface PypiRegistryInput {
  readonly index: PypiSettings['indexUrl'];
  /** PEM text. */
  readonly ca: string | undefined;
  readonly cache: AnswerCache;
  readonly capabilities: PypiCapabilities;
}

export class PypiRegistryReader {
  readonly label = 'the Python index';
  readonly capabilities: PypiCapabilities;
  readonly #index: URL;
  readonly #reader: RegistryReader;
  /** Where the index speaks XML-RPC. */
  readonly calls: PypiCalls;

  constructor({ index, ca, cache, capabilities }: PypiRegistryInput) {
    this.capabilities = capabilities;
    this.#index = index;
    this.#reader = new RegistryReader({
      label: this.label,
      options: ca === undefined ? {} : { ca },
      cache,
      onDocument: ({ etag }) => {
        capabilities.etag = etag !== undefined || capabilities.etag === true;
      },
    });
    this.calls = new PypiCalls({ url: below(index, '../pypi'), reader: this.#reader, capabilities });
  }

  /** Versions and what the files say; undefined when there is no such project. */
  async project(name: string, how: AskHow): Promise<Kept<PypiProject | undefined>> {
    const url = below(this.#index, `${normalisePypiName(name)}/`);
    const kept = await this.#reader.ask(url, {
      how,
      maxBytes: MAX_BYTES,
      accept: SIMPLE_PAGE_TYPES,
      read: ({ body, type, url: page }) => {
        this.capabilities.jsonPages = type.includes('json');
        if (!type.includes('json') && !type.includes('html')) throw new Error('is no page of an index');
        return toProject(readSimplePage(body.toString('utf8'), type, page), name);
      },
    });
    if (kept.value?.versions.some(({ attested }) => attested !== undefined))
      this.capabilities.attestations = true;
    return kept;
  }

  /** What the JSON API says; undefined when it has none of it, or when there is no JSON API. */
  async metadata(name: string, how: AskHow): Promise<Kept<PypiMetadata | undefined>> {
    const url = this.#metadataUrl(normalisePypiName(name));
    const read = ({ body }: { readonly body: Buffer }) => readPypiMetadata(body.toString('utf8'));
    const kept = await this.#reader.ask(url, { how, maxBytes: MAX_BYTES, read });
    if (kept.value !== undefined) this.capabilities.metadata = true;
    return kept;
  }

  /** Beside the index: `…/simple/` has `…/pypi/<name>/json`. */
  #metadataUrl(name: string): URL {
    return below(this.#index, `../pypi/${name}/json`);
  }
}
