/** {@link PackageInfo} of a Python project. */
import { explain, satisfies } from '@renovatebot/pep440';
import { BerthError } from '../errors.ts';
import { normalisePypiName } from '../packages/package-source.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { optional } from './npm-document.ts';
import type { InfoRequest, RegistryInfo } from './npm-info.ts';
import type { VersionInfo } from './package-info.ts';
import type { PypiMetadata, PypiProject, PypiVersion } from './pypi-document.ts';
import type { PypiRegistryReader } from './pypi-registry.ts';

const TIMEOUT_MS = 15_000;
const INACTIVE = 'Development Status :: 7 - Inactive';

/** Undefined when the index has no such project. Rejects with `not-found` for a version that it has not. */
export async function pypiInfo(
  reader: PypiRegistryReader,
  request: InfoRequest,
): Promise<RegistryInfo | undefined> {
  const name = normalisePypiName(request.name);
  const how = { signal: request.signal, refresh: request.refresh, timeout: TIMEOUT_MS };
  const [kept, described] = await Promise.all([
    reader.project(name, how),
    // Not every index has it, and what it says is an addition.
    reader.metadata(name, how).catch(() => undefined),
  ]);
  request.signal.throwIfAborted();
  const project = kept.value;
  if (project === undefined) return undefined;
  const found = pickVersion(name, project, request.version);
  // The metadata is of one version; what may differ from one to the next is not said of another.
  const metadata = described?.value;
  const own = metadata?.version === undefined || metadata.version === found.version ? metadata : undefined;
  const newest = project.versions.find((one) => one.yanked === undefined && !isPrerelease(one.version));
  const requiresPython = found.requiresPython ?? own?.requiresPython;
  return {
    ecosystem: 'pypi',
    name,
    version: found.version,
    tags: newest === undefined ? {} : { latest: newest.version },
    description: metadata?.summary ?? '',
    keywords: metadata?.keywords ?? [],
    maintainers: metadata?.maintainers ?? [],
    versions: project.versions.map(toVersionInfo),
    engines: requiresPython === undefined ? {} : { python: requiresPython },
    deprecated: deprecationOf(project, metadata),
    yanked:
      found.yanked === undefined
        ? { state: 'no' }
        : { state: 'yes', ...(found.yanked !== '' && { reason: found.yanked }) },
    provenance: found.attested === true ? 'yes' : 'unknown',
    downloads: { lastMonth: 'unknown' },
    mcp: mcpVerdict({
      ecosystem: 'pypi',
      name,
      description: metadata?.summary,
      keywords: metadata?.keywords,
      mcpName: own?.mcpName,
      dependencies: own?.dependencies && Object.keys(own.dependencies),
    }),
    registry: { name: reader.label, capabilities: { ...reader.capabilities } },
    ageSeconds: Math.round(kept.ageMs / 1_000),
    claimReadable: own?.described === true,
    ...optional('dependencies', own?.dependencies),
    ...optional('license', metadata?.license),
    ...optional('author', metadata?.author),
    ...optional('homepage', metadata?.homepage),
    ...optional('repository', metadata?.repository),
    ...optional('published', found.published),
    ...optional('mcpName', own?.mcpName),
    ...optional('stale', kept.stale?.message),
  };
}

/** Without a wish the newest that is neither withdrawn nor a pre-release, as pip and uv choose. */
function pickVersion(name: string, { versions }: PypiProject, wanted: string | undefined): PypiVersion {
  const good = versions.filter((one) => one.yanked === undefined);
  const found =
    wanted === undefined || wanted === 'latest'
      ? (good.find(({ version }) => !isPrerelease(version)) ?? good[0] ?? versions[0])
      : (versions.find(({ version }) => version === wanted) ??
        good.find(({ version }) => satisfies(version, /^\d/.test(wanted) ? `==${wanted}` : wanted)));
  if (found) return found;
  throw new BerthError('not-found', `${name} has no version ${wanted ?? 'with files'}`, {
    hint: `Its versions: ${versions
      .slice(0, 5)
      .map(({ version }) => version)
      .join(', ')}${versions.length > 5 ? ', …' : ''}.`,
  });
}

function isPrerelease(version: string): boolean {
  const parts = explain(version);
  return parts !== null && (parts.is_prerelease || parts.is_devrelease);
}

function deprecationOf(
  { status }: PypiProject,
  metadata: PypiMetadata | undefined,
): RegistryInfo['deprecated'] {
  if (status !== undefined && status.status !== 'active')
    return { state: 'yes', message: status.reason ?? `the index says: ${status.status}` };
  if (metadata?.classifiers.includes(INACTIVE) === true)
    return { state: 'yes', message: 'its authors call it inactive' };
  return { state: status === undefined ? 'unknown' : 'no' };
}

function toVersionInfo({ version, published, yanked, requiresPython }: PypiVersion): VersionInfo {
  return {
    version,
    prerelease: isPrerelease(version),
    engines: requiresPython === undefined ? {} : { python: requiresPython },
    ...optional('published', published),
    ...optional('yanked', yanked),
  };
}
