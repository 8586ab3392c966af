/** `berth search | package`: what there is to run, and what is known of it before it runs. */
import type { Command } from 'commander';
import { BerthError, toBerthError } from '../errors.ts';
import { getTemplate } from './catalog-client.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import { packageText } from './package-page.ts';
import type { CommandRunner } from './program.ts';
import { parseReference } from './reference.ts';

export interface ResultAnswer {
  readonly kind: string;
  readonly reference: string;
  readonly title: string;
  readonly description: string;
  readonly package?: { readonly ecosystem: string; readonly name: string; readonly version?: string };
  readonly template?: string;
  readonly replacedBy?: string;
  readonly mcp: { readonly verdict: string; readonly reasons: readonly string[] };
  readonly maintainers?: readonly string[];
  readonly downloads?: number;
  readonly updated?: string;
  readonly deprecated?: string;
  readonly providers: readonly string[];
}

interface ProviderReportAnswer {
  readonly name: string;
  readonly state: string;
  readonly ageSeconds?: number;
  readonly message?: string;
  readonly failure?: { readonly message: string; readonly hint: string };
}

export interface SearchAnswer {
  readonly results: readonly ResultAnswer[];
  readonly total: number;
  readonly providers: readonly ProviderReportAnswer[];
}

export interface PackageAnswer {
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly published?: string;
  readonly license?: string;
  readonly author?: string;
  readonly maintainers: readonly string[];
  readonly homepage?: string;
  readonly repository?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly versions: readonly {
    readonly version: string;
    readonly published?: string;
    readonly deprecated?: string;
    readonly yanked?: string;
    readonly engines: Readonly<Record<string, string>>;
  }[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly engines: Readonly<Record<string, string>>;
  readonly programs?: readonly string[];
  readonly installScripts?: boolean;
  readonly deprecated: { readonly state: string; readonly message?: string };
  readonly yanked: { readonly state: string; readonly reason?: string };
  readonly provenance: string;
  readonly downloads: { readonly lastMonth: number | 'unknown' };
  readonly mcp: { readonly verdict: string; readonly reasons: readonly string[] };
  readonly owner: { readonly state: string; readonly mcpName?: string; readonly listedAs?: string };
  readonly template?: string;
  readonly replacedBy?: string;
  readonly similarNames: readonly {
    readonly name: string;
    readonly template: string;
    readonly why: string;
  }[];
  readonly install: string;
  readonly run: string;
  readonly ageSeconds: number;
  readonly stale?: string;
}

interface SearchOptions {
  readonly limit: string;
  readonly provider: readonly string[];
  readonly all?: boolean;
  readonly refresh?: boolean;
}

export function addDiscoveryCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const words = (text: string, before: readonly string[]): string[] => [...before, text];
  program
    .command('search [words...]')
    .description('find servers in the catalogue, MCP registries, npm and PyPI; without words, browse')
    .option('--limit <count>', 'how many results', '20')
    .option('--provider <name>', 'ask only this one (repeatable)', words, [])
    .option('--all', 'also packages that nothing shows to be MCP servers')
    .option('--refresh', 'ask again although answers are kept')
    .action((text: string[], options: SearchOptions, command: Command) =>
      run(command, () => search({ text, options, command, system })),
    );
  program
    .command('package <name>')
    .description('show what is known of a package: npm:name[@version], pypi:name[==version] or a bare name')
    .option('--refresh', 'ask again although answers are kept')
    .action((name: string, options: { refresh?: boolean }, command: Command) =>
      run(command, () => show({ name, refresh: options.refresh ?? false, command, system })),
    );
}

const RESULTS: ListShape<ResultAnswer> = {
  name: ({ reference }) => clean(reference),
  columns: [
    { head: 'RUN', of: ({ reference }) => clean(reference) },
    { head: 'VERSION', of: ({ package: found }) => clean(found?.version ?? '-') },
    { head: 'MCP', of: ({ mcp }) => mcp.verdict },
    { head: 'FROM', of: ({ providers }) => providers.join(', ') },
    { head: 'DOWNLOADS', of: ({ downloads }) => String(downloads ?? '-'), wide: true },
    { head: 'UPDATED', of: ({ updated }) => clean(updated?.slice(0, 10) ?? '-'), wide: true },
    { head: 'BY', of: ({ maintainers }) => clean(maintainers?.slice(0, 3).join(', ') || '-'), wide: true },
    { head: 'BECAUSE', of: ({ mcp }) => clean(mcp.reasons.join('; ')), wide: true },
    { head: 'WHAT', of: (result) => oneLine(whatOf(result)) },
  ],
};

interface SearchTarget {
  readonly text: readonly string[];
  readonly options: SearchOptions;
  readonly command: Command;
  readonly system: CliSystem;
}

async function search({ text, options, command, system }: SearchTarget): Promise<number> {
  const { client, format } = await createContext(command, system);
  const query = new URLSearchParams({ q: text.join(' '), limit: options.limit });
  if (options.provider.length > 0) query.set('provider', options.provider.join(','));
  if (options.all) query.set('all', 'true');
  if (options.refresh) query.set('refresh', 'true');
  const answer = await client.json<SearchAnswer>(`/search?${query}`);
  const { results, total, providers } = answer;
  system.out(
    isData(format) ? valueText(answer, format) : results.length > 0 ? listText(results, format, RESULTS) : '',
  );
  if (!isData(format)) {
    for (const line of notes(providers)) system.err(`${clean(line)}\n`);
    if (results.length === 0) system.err('Nothing was found.\n');
    else if (total > results.length) system.err(`${total - results.length} more with --limit ${total}\n`);
  }
  const failed = providers.some(({ state }) => state === 'failed');
  return results.length === 0 && failed ? EXIT.serverFailed : EXIT.ok;
}

/** What a person should know of the providers: those that failed, and those that could not be asked. */
function notes(providers: readonly ProviderReportAnswer[]): string[] {
  return providers.flatMap(({ name, state, message, failure, ageSeconds }) => {
    if (state === 'stale')
      return [`! ${name}: ${failure?.message ?? ''}; shown is what it said ${age(ageSeconds)} ago`];
    if (failure !== undefined) return [`! ${name}: ${failure.message}`, `  hint  ${failure.hint}`];
    // That a sentence is no package name needs no words.
    return message === undefined || name === 'exact' ? [] : [`- ${name}: ${message}`];
  });
}

export function age(seconds = 0): string {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

function whatOf({ description, deprecated, replacedBy, title }: ResultAnswer): string {
  if (replacedBy !== undefined) return `deprecated: use ${replacedBy}`;
  return deprecated === undefined ? description || title : `deprecated: ${deprecated}`;
}

function oneLine(text: string): string {
  const flat = clean(text).replace(/\s+/g, ' ');
  return flat.length > 100 ? `${flat.slice(0, 99)}…` : flat;
}

interface PackageTarget {
  readonly name: string;
  readonly refresh: boolean;
  readonly command: Command;
  readonly system: CliSystem;
}

async function show({ name, refresh, command, system }: PackageTarget): Promise<number> {
  const { client, format } = await createContext(command, system);
  const found = await find(client, name, refresh);
  const exact = `${found.ecosystem}:${found.name}${found.ecosystem === 'npm' ? '@' : '=='}${found.version}`;
  if (format === 'name') system.out(`${clean(exact)}\n`);
  else system.out(isData(format) ? valueText(found, format) : packageText(found, format === 'wide'));
  return EXIT.ok;
}

/** A bare name is asked for on both sides; a template's name stands for its package. */
async function find(client: ApiClient, name: string, refresh: boolean): Promise<PackageAnswer> {
  const target = /^[A-Za-z0-9._-]+$/.test(name) ? undefined : parseReference(name);
  if (target !== undefined) {
    if ('template' in target || 'remote' in target.source) throw notAPackage(name);
    const [ecosystem, wish] =
      'npm' in target.source
        ? (['npm', target.source.npm] as const)
        : (['pypi', target.source.pypi] as const);
    return await read(client, { ecosystem, refresh, ...wish });
  }
  const template = await getTemplate(client, name).catch(() => undefined);
  const own = template?.package;
  if (own && (own.type === 'npm' || own.type === 'pypi'))
    return await read(client, {
      ecosystem: own.type,
      name: own.name,
      version: own.version ?? undefined,
      refresh,
    });
  return await readEither(client, name, refresh);
}

async function readEither(client: ApiClient, name: string, refresh: boolean): Promise<PackageAnswer> {
  const ends = await Promise.allSettled(
    (['npm', 'pypi'] as const).map((ecosystem) => read(client, { ecosystem, name, refresh })),
  );
  const found = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  const [first, second] = found;
  if (first && second)
    throw new BerthError('bad-input', `${name} is on npm and on PyPI`, {
      hint: `Say which: berth package npm:${name} or berth package pypi:${name}.`,
    });
  if (first) return first;
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [toBerthError(end.reason)] : []));
  // A registry that could not be asked may well have it.
  throw failures.find(({ code }) => code !== 'not-found' && code !== 'bad-input') ?? nowhere(name);
}

interface Wish {
  readonly ecosystem: string;
  readonly name: string;
  readonly version?: string | undefined;
  readonly refresh: boolean;
}

async function read(client: ApiClient, { ecosystem, name, version, refresh }: Wish): Promise<PackageAnswer> {
  const query = new URLSearchParams();
  if (version !== undefined) query.set('version', version);
  if (refresh) query.set('refresh', 'true');
  return await client.json(`/packages/${ecosystem}/${encodeURIComponent(name)}?${query}`);
}

function notAPackage(name: string): BerthError {
  return new BerthError('bad-input', `${JSON.stringify(name)} is no package`, {
    hint: 'A package is npm:name[@version], @scope/name[@version] or pypi:name[==version].',
  });
}

function nowhere(name: string): BerthError {
  return new BerthError('not-found', `there is no package ${name} on npm or PyPI`, {
    hint: `Search for it with: berth search ${name}.`,
  });
}
