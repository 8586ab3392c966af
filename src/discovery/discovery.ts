/** The door of the discovery folder: search everywhere at once, and all that is known of one package. */
import { join } from 'node:path';
import { BerthError } from '../errors.ts';
import { installCommand } from '../packages/install-command.ts';
import type { Ecosystem } from '../packages/package.ts';
import { checkPackageSource } from '../packages/package-source.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { createExactProvider } from './exact-provider.ts';
import type { Capability, Found, Provider } from './found.ts';
import { KnownPackages } from './known-packages.ts';
import { createMcpRegistryProvider } from './mcp-registry-provider.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import type { MirrorInput } from './mirror/registry-mirror.ts';
import { npmInfo, type RegistryInfo } from './npm-info.ts';
import { createNpmProvider } from './npm-provider.ts';
import { ownerOf } from './owner.ts';
import type { PackageInfo } from './package-info.ts';
import { pypiInfo } from './pypi-info.ts';
import { createPypiProvider } from './pypi-provider.ts';
import { parseQuery } from './query.ts';
import { Registries } from './registries.ts';
import { type SearchAnswer, searchAll } from './search.ts';
import { similarNames } from './similar-names.ts';
import { Sources } from './sources.ts';
import { SearchCounter, type SearchStatistics } from './statistics.ts';
import { createTemplateProvider } from './template-provider.ts';

export interface DiscoveryInput {
  /** Lists of names are kept in `search/` below. */
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly templates: TemplateCatalogue;
  /** Addresses of MCP registries. */
  readonly registries: readonly string[];
  /** Keep the list of names of the Python index. */
  readonly pypiNames: boolean;
  /** Where npm's download numbers are; the registry itself unless given. */
  readonly downloadsUrl?: string | undefined;
  /** Milliseconds for one provider. */
  readonly deadline: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** How a registry that wants a pause is waited for. */
  readonly wait?: MirrorInput['wait'];
}

export interface SearchRequest {
  /** Empty to browse. */
  readonly text: string;
  /** Only these providers; absent for all. */
  readonly providers?: readonly string[] | undefined;
  /** How many are asked for from each provider. */
  readonly limit: number;
  readonly all: boolean;
  readonly refresh: boolean;
  readonly signal: AbortSignal;
}

export interface PackageRequest {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly version?: string | undefined;
  readonly refresh: boolean;
  readonly signal: AbortSignal;
}

export class Discovery {
  readonly #input: DiscoveryInput;
  readonly #sources: Sources;
  readonly #registries: Registries;
  readonly #counter = new SearchCounter();

  constructor(input: DiscoveryInput) {
    const { dataDir, env, pypiNames, downloadsUrl, now = Date.now } = input;
    this.#input = input;
    const url = downloadsUrl === undefined ? undefined : new URL(downloadsUrl);
    this.#sources = new Sources({ dataDir, env, pypiNames, downloadsUrl: url, now });
    const { registries: addresses, wait } = input;
    this.#registries = new Registries({ folder: join(dataDir, 'search'), addresses, now, wait });
  }

  /** The MCP registries, and their mirrors. */
  get registries(): Registries {
    return this.#registries;
  }

  /** Rejects with `bad-input` for a query or provider that is none, with `bad-setting`, or the signal's reason. */
  async search({ text, providers, limit, all, refresh, signal }: SearchRequest): Promise<SearchAnswer> {
    const query = parseQuery(text);
    const chosen = choose(await this.#providers(), providers);
    const known = new KnownPackages(this.#input.templates);
    const answer = await searchAll({
      query,
      providers: chosen,
      known,
      all,
      options: { signal, refresh, limit },
    });
    this.#counter.note(answer);
    return answer;
  }

  /** Rejects with `bad-input`, `not-found`, `registry-failed`, `bad-setting`, or the signal's reason. */
  async package(request: PackageRequest): Promise<PackageInfo> {
    const { ecosystem, version } = request;
    const { name } = checkPackageSource({
      ecosystem,
      name: request.name,
      ...(version !== undefined && { version }),
    });
    const [info, entries] = await Promise.all([
      this.#registryInfo({ ...request, name }),
      this.#entriesOf(ecosystem, name, request),
    ]);
    if (info === undefined)
      throw new BerthError(
        'not-found',
        `the registry has no ${ecosystem === 'npm' ? 'npm package' : 'Python project'} ${name}`,
        {
          hint: `Search for it with: berth search ${name.replace(/^@[^/]+\//, '')}.`,
        },
      );
    return this.#complete(info, entries);
  }

  /** All providers as they are set up now, and what they are known to be able to do. */
  async providers(): Promise<
    readonly { readonly name: string; readonly capabilities: Readonly<Record<string, Capability>> }[]
  > {
    return (await this.#providers()).map(({ name, capabilities }) => ({
      name,
      capabilities: capabilities(),
    }));
  }

  statistics(): SearchStatistics & { readonly categories: Readonly<Record<string, number>> } {
    const categories: Record<string, number> = {};
    for (const { extras } of this.#input.templates.list())
      categories[extras.category] = (categories[extras.category] ?? 0) + 1;
    return { ...this.#counter.read(), categories };
  }

  /** Ends the workers; idempotent. */
  async close(): Promise<void> {
    this.#registries.close();
    await this.#sources.close();
  }

  async #providers(): Promise<Provider[]> {
    const { templates, deadline } = this.#input;
    // A configuration that cannot be read is the failure of its own provider only.
    const [npm, pypi] = await Promise.allSettled([this.#sources.npm(), this.#sources.pypi()]);
    return [
      createTemplateProvider(templates),
      ...this.#registryProviders(),
      ...(npm.status === 'fulfilled'
        ? npm.value.all.map((source) => createNpmProvider({ ...source, deadline }))
        : [createFailedProvider('npm', npm.reason)]),
      pypi.status === 'fulfilled'
        ? createPypiProvider({ ...pypi.value, deadline })
        : createFailedProvider('pypi', pypi.reason),
      createExactProvider({
        npm: (name) => settled(npm).of(name),
        pypi: () => settled(pypi).reader,
        deadline,
      }),
    ];
  }

  #registryProviders(): Provider[] {
    const { deadline } = this.#input;
    const { cache } = this.#sources;
    return this.#registries.all.map((registry) =>
      createMcpRegistryProvider({ ...registry, deadline, cache }),
    );
  }

  async #registryInfo({ ecosystem, ...request }: PackageRequest): Promise<RegistryInfo | undefined> {
    if (ecosystem === 'npm') return await npmInfo((await this.#sources.npm()).of(request.name), request);
    return await pypiInfo((await this.#sources.pypi()).reader, request);
  }

  /** What MCP registries list for this package; one that fails lists nothing. */
  async #entriesOf(
    ecosystem: Ecosystem,
    name: string,
    { signal, refresh }: PackageRequest,
  ): Promise<Found[]> {
    const query = parseQuery(`${ecosystem}:${name}`);
    const options = { limit: 100, refresh, signal };
    const asked = this.#registryProviders().map(async (provider) => {
      const answer = await provider.ask(query, options).catch(() => undefined);
      return answer?.found ?? [];
    });
    return (await Promise.all(asked))
      .flat()
      .filter(({ package: found }) => found?.ecosystem === ecosystem && found.name === name);
  }

  #complete({ mcpName, claimReadable, ...info }: RegistryInfo, entries: readonly Found[]): PackageInfo {
    const { ecosystem, name, version } = info;
    const known = new KnownPackages(this.#input.templates);
    const replacedBy = known.successorOf(ecosystem, name);
    const template = known.templateOf(ecosystem, name);
    const listedBy =
      template === undefined ? (entries.length > 0 ? 'an MCP registry' : undefined) : 'the catalogue';
    const listed = mcpVerdict({ ecosystem, name: 'x', listedBy });
    const exact = ecosystem === 'npm' ? `npm:${name}@${version}` : `pypi:${name}==${version}`;
    return {
      ...info,
      mcp:
        listedBy === undefined
          ? info.mcp
          : { verdict: 'yes', reasons: [...new Set([...listed.reasons, ...info.mcp.reasons])] },
      owner: ownerOf(mcpName, entries, claimReadable),
      ...(template !== undefined && { template }),
      ...(replacedBy !== undefined && { replacedBy }),
      similarNames: similarNames(ecosystem, name, known),
      install: installCommand({ ecosystem, name, version }),
      run: `berth run ${template ?? exact}`,
    };
  }
}

function settled<T>(end: PromiseSettledResult<T>): T {
  if (end.status === 'rejected') throw end.reason;
  return end.value;
}

function createFailedProvider(name: string, reason: unknown): Provider {
  return { name, deadline: 1_000, capabilities: () => ({}), ask: () => Promise.reject(reason) };
}

function choose(all: readonly Provider[], names: readonly string[] | undefined): readonly Provider[] {
  if (names === undefined || names.length === 0) return all;
  const unknown = names.find((name) => !all.some((provider) => provider.name === name));
  if (unknown === undefined) return all.filter((provider) => names.includes(provider.name));
  const detail = `${JSON.stringify(unknown)} is no provider; there are ${all.map(({ name }) => name).join(', ')}`;
  throw new BerthError('bad-input', detail, { fields: [{ pointer: '?provider', detail }] });
}
