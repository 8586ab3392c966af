/** {@link PackageInfo} of an npm package. */
import semver from 'semver';
import { BerthError } from '../errors.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { type NpmDocument, type NpmVersion, optional } from './npm-document.ts';
import type { NpmCapabilities, NpmRegistryReader } from './npm-registry.ts';
import type { PackageInfo, VersionInfo } from './package-info.ts';

const TIMEOUT_MS = 15_000;

export interface InfoRequest {
  readonly name: string;
  /** Exact, range or tag; absent for the newest. */
  readonly version?: string | undefined;
  readonly refresh: boolean;
  readonly signal: AbortSignal;
}

/** What the registry of the ecosystem says; the rest is added by the caller. */
export type RegistryInfo = Omit<
  PackageInfo,
  'owner' | 'template' | 'replacedBy' | 'similarNames' | 'install' | 'run'
> & {
  readonly mcpName?: string;
  /** Whether a claim would have been seen. */
  readonly claimReadable: boolean;
};

/** Undefined when the registry has no such package. Rejects with `not-found` for a version that it has not. */
export async function npmInfo(
  reader: NpmRegistryReader,
  request: InfoRequest,
): Promise<RegistryInfo | undefined> {
  const { name, refresh, signal } = request;
  const kept = await reader.document(name, { signal, refresh, timeout: TIMEOUT_MS });
  const document = kept.value;
  if (document === undefined) return undefined;
  const found = pickVersion(document, request.version);
  const [attested, days] = await Promise.all([
    found.attested ? true : reader.attested(name, found.version, { signal, refresh }),
    reader.downloads(name, { signal, refresh }),
  ]);
  const { version, dependencies, keywords, programs } = found;
  return {
    ecosystem: 'npm',
    name,
    version,
    tags: document.tags,
    description: found.description ?? '',
    keywords,
    maintainers: found.maintainers,
    versions: document.versions.map(toVersionInfo),
    dependencies,
    engines: found.engines,
    programs,
    installScripts: found.installScripts,
    deprecated: deprecationOf(found, reader.capabilities),
    yanked: { state: 'no' },
    provenance: attested === true ? 'yes' : 'unknown',
    downloads:
      days === undefined
        ? { lastMonth: 'unknown' }
        : { lastMonth: days.reduce((sum, { downloads }) => sum + downloads, 0), days },
    mcp: mcpVerdict({
      ecosystem: 'npm',
      name,
      description: found.description,
      keywords,
      mcpName: found.mcpName,
      dependencies: Object.keys(dependencies),
      runnable: programs.length > 0,
    }),
    registry: { name: reader.label, capabilities: { ...reader.capabilities } },
    ageSeconds: Math.round(kept.ageMs / 1_000),
    claimReadable: true,
    ...optional('license', found.license),
    ...optional('author', found.author),
    ...optional('homepage', found.homepage),
    ...optional('repository', found.repository),
    ...optional('unpackedBytes', found.unpackedSize),
    ...optional('integrity', found.integrity),
    ...optional('published', found.published),
    ...optional('mcpName', found.mcpName),
    ...optional('stale', kept.stale?.message),
  };
}

function pickVersion({ name, versions, tags }: NpmDocument, wanted = 'latest'): NpmVersion {
  const tagged = Object.hasOwn(tags, wanted) ? tags[wanted] : undefined;
  const exact = tagged ?? semver.valid(wanted) ?? undefined;
  const found =
    exact === undefined
      ? versions.find(({ version }) => wanted === 'latest' || satisfies(version, wanted))
      : versions.find(({ version }) => version === exact);
  if (found) return found;
  throw new BerthError('not-found', `${name} has no version ${wanted}`, {
    hint: `Its versions: ${versions
      .slice(0, 5)
      .map(({ version }) => version)
      .join(', ')}${versions.length > 5 ? ', …' : ''}.`,
  });
}

function satisfies(version: string, range: string): boolean {
  return semver.validRange(range) !== null && semver.satisfies(version, range);
}

function deprecationOf(found: NpmVersion, capabilities: NpmCapabilities): PackageInfo['deprecated'] {
  if (found.deprecated !== undefined) return { state: 'yes', message: found.deprecated };
  return { state: capabilities.deprecated === true ? 'no' : 'unknown' };
}

function toVersionInfo({ version, published, deprecated, engines }: NpmVersion): VersionInfo {
  return {
    version,
    prerelease: semver.prerelease(version) !== null,
    engines,
    ...optional('published', published),
    ...optional('deprecated', deprecated),
  };
}
