/** Asks for exactly the name that was typed: works with every registry, also with those that have no search. */
import { toBerthError } from '../errors.ts';
import type { Ecosystem } from '../packages/package.ts';
import { normalisePypiName } from '../packages/package-source.ts';
import type { AskOptions, Found, Provider, ProviderAnswer } from './found.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { type NpmVersion, optional } from './npm-document.ts';
import type { NpmRegistryReader } from './npm-registry.ts';
import { pypiFound } from './pypi-provider.ts';
import type { PypiRegistryReader } from './pypi-registry.ts';
import { isName } from './query.ts';

export interface ExactProviderInput {
  /** The registry that the package's scope says. Throws when the configuration cannot be read. */
  npm(name: string): NpmRegistryReader;
  /** Throws when the configuration cannot be read. */
  pypi(): PypiRegistryReader;
  readonly deadline: number;
}

export function createExactProvider({ npm, pypi, deadline }: ExactProviderInput): Provider {
  const probes: Readonly<Record<Ecosystem, (name: string, how: AskOptions) => Promise<Found | undefined>>> = {
    npm: async (name, { signal, refresh }) => {
      const { value } = await npm(name).manifest(name, 'latest', { signal, refresh, timeout: deadline });
      return value && npmFound(name, value);
    },
    pypi: async (name, { signal, refresh }) => {
      const how = { signal, refresh, timeout: deadline };
      const index = pypi();
      const [project, metadata] = await Promise.all([
        index.project(name, how),
        // Not every index has it; that the project is there is shown without.
        index.metadata(name, how).catch(() => undefined),
      ]);
      return project.value && pypiFound(normalisePypiName(name), metadata?.value);
    },
  };
  return {
    name: 'exact',
    deadline,
    capabilities: () => ({ npm: true, pypi: true }),
    async ask({ exact }, options): Promise<ProviderAnswer> {
      if (exact === undefined)
        return { found: [], state: 'unsupported', message: 'what was typed is no package name' };
      const asked = (['npm', 'pypi'] as const).filter(
        (one) => (exact.ecosystem ?? one) === one && isName(one, exact.name),
      );
      const ends = await Promise.allSettled(asked.map((ecosystem) => probes[ecosystem](exact.name, options)));
      const found = ends.flatMap((end) => (end.status === 'fulfilled' ? (end.value ?? []) : []));
      const failures = ends.flatMap((end) => (end.status === 'rejected' ? [toBerthError(end.reason)] : []));
      const [first] = failures;
      if (first && failures.length === ends.length) throw first;
      return { found, ...(first && { partial: first }) };
    },
  };
}

export function npmFound(name: string, manifest: NpmVersion): Found {
  const { version, description, keywords, mcpName, dependencies, programs, deprecated, maintainers } =
    manifest;
  return {
    kind: 'package',
    reference: `npm:${name}`,
    title: name,
    description: description ?? '',
    package: { ecosystem: 'npm', name, version },
    mcp: mcpVerdict({
      ecosystem: 'npm',
      name,
      description,
      keywords,
      mcpName,
      dependencies: Object.keys(dependencies),
      runnable: programs.length > 0,
    }),
    keywords,
    maintainers,
    ...optional('deprecated', deprecated),
  };
}
