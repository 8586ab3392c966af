/** The registries of the user's settings, as readers: read anew for every use, so that a changed token counts at once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../errors.ts';
import { loadNpmSettings } from '../packages/npm-config.ts';
import { npmRegistries, npmRegistryOf } from '../packages/npm-registries.ts';
import { loadPypiSettings } from '../packages/pypi-config.ts';
import { AnswerCache } from './answer-cache.ts';
import { NameList } from './name-list.ts';
import { type NpmCapabilities, NpmRegistryReader, unknownNpmCapabilities } from './npm-registry.ts';
import { type PypiCapabilities, PypiRegistryReader, unknownPypiCapabilities } from './pypi-registry.ts';

export interface SourcesInput {
  /** Lists of names are kept in `search/` below. */
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Keep the list of names of the Python index. */
  readonly pypiNames: boolean;
  readonly downloadsUrl: URL | undefined;
  readonly now: () => number;
}

export interface NpmSource {
  /** Name of the provider. */
  readonly name: string;
  readonly reader: NpmRegistryReader;
  readonly scopes: readonly string[];
}

export interface PypiSource {
  readonly reader: PypiRegistryReader;
  readonly names: NameList | undefined;
}

export class Sources {
  readonly cache: AnswerCache;
  readonly #input: SourcesInput;
  readonly #npm = new Map<string, NpmCapabilities>();
  readonly #pypi = new Map<string, PypiCapabilities>();
  readonly #names = new Map<string, NameList>();

  constructor(input: SourcesInput) {
    this.#input = input;
    this.cache = new AnswerCache(input.now);
  }

  /** Every npm registry of the configuration, the default one first. Rejects with `bad-setting`. */
  async npm(): Promise<{ readonly all: readonly NpmSource[]; of(name: string): NpmRegistryReader }> {
    const { options } = await loadNpmSettings(this.#input.env, join(this.#input.dataDir, 'npm-config'));
    const reader = (url: URL, scopes: readonly string[]) =>
      new NpmRegistryReader({
        label: scopes.length === 0 ? 'the npm registry' : `the npm registry of ${scopes.join(', ')}`,
        url,
        options,
        cache: this.cache,
        capabilities: remembered(this.#npm, url.href, unknownNpmCapabilities),
        downloadsUrl: this.#input.downloadsUrl,
      });
    const all = npmRegistries(options).map(({ url, scopes }) => ({
      name: scopes.length === 0 ? 'npm' : `npm ${scopes.join(', ')}`,
      reader: reader(url, scopes),
      scopes,
    }));
    return {
      all,
      of(name) {
        const url = npmRegistryOf(name, options);
        const scope = name.startsWith('@') ? name.slice(0, name.indexOf('/')) : '';
        return all.find(({ scopes }) => scopes.includes(scope))?.reader ?? reader(url, []);
      },
    };
  }

  /** Rejects with `bad-setting`. */
  async pypi(): Promise<PypiSource> {
    const { indexUrl, certFile } = await loadPypiSettings(this.#input.env);
    const ca = certFile === undefined ? undefined : await readCertificates(certFile);
    const capabilities = remembered(this.#pypi, indexUrl.href, unknownPypiCapabilities);
    const reader = new PypiRegistryReader({ index: indexUrl, ca, cache: this.cache, capabilities });
    if (!this.#input.pypiNames) return { reader, names: undefined };
    const { dataDir, now } = this.#input;
    const create = () => new NameList({ folder: join(dataDir, 'search'), index: indexUrl, ca, now });
    return { reader, names: remembered(this.#names, indexUrl.href, create) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#names.values()].map((list) => list.close()));
  }
}

async function readCertificates(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new BerthError('bad-setting', 'the certificates of the Python settings cannot be read', { cause });
  });
}

function remembered<T>(map: Map<string, T>, key: string, create: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = create();
  map.set(key, made);
  return made;
}
