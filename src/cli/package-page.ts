/** A package as a page for a person: what to decide on first, what to read on after it. */
import type { PackageAnswer } from './discovery-commands.ts';
import { clean } from './failure.ts';
import { formatTable } from './table.ts';

const FEW_VERSIONS = 5;

/** `wide`: with all versions and dependencies. */
export function packageText(found: PackageAnswer, wide: boolean): string {
  const head = `${found.ecosystem}:${found.name} ${found.version}\n${found.description}\n`;
  const warnings = warningsOf(found).map((text) => `! ${text}\n`);
  const facts = factsOf(found, wide).filter(
    (row): row is [string, string] => row[1] !== undefined && row[1] !== '',
  );
  const width = Math.max(...facts.map(([label]) => label.length));
  const lines = facts.map(([label, value]) => `  ${label.padEnd(width)}   ${value}\n`);
  const next = `Next: ${found.run}\n`;
  return clean([head, ...warnings, '\n', ...lines, '\n', versionTable(found, wide), '\n', next].join(''));
}

function warningsOf({
  deprecated,
  yanked,
  replacedBy,
  similarNames,
  owner,
  installScripts,
  mcp,
  stale,
}: PackageAnswer) {
  return [
    ...(replacedBy === undefined ? [] : [`use the template ${replacedBy} instead`]),
    ...(deprecated.state === 'yes' ? [`deprecated: ${deprecated.message ?? ''}`] : []),
    ...(yanked.state === 'yes'
      ? [`this version was withdrawn${yanked.reason ? `: ${yanked.reason}` : ''}`]
      : []),
    ...similarNames
      .slice(0, 3)
      .map(({ name, template, why }) => `not ${name} (template ${template}): ${why}`),
    ...(owner.state === 'mismatch'
      ? [`a catalogue lists it as ${owner.listedAs ?? ''}, which it does not claim to be`]
      : []),
    ...(installScripts === true ? ['it has install scripts, which are not run'] : []),
    ...(mcp.verdict === 'unknown' ? ['nothing shows that it is an MCP server'] : []),
    ...(stale === undefined ? [] : [`an older answer is shown: ${stale}`]),
  ];
}

function factsOf(found: PackageAnswer, wide: boolean): (readonly [string, string | undefined])[] {
  const { mcp, owner, deprecated, downloads, engines, dependencies, programs } = found;
  return [
    ['MCP server', [mcp.verdict, mcp.reasons.join('; ')].filter((text) => text !== '').join(': ')],
    ['owner', ownerText(owner)],
    ['maintainers', found.maintainers.join(', ')],
    ['author', found.author],
    ['license', found.license],
    [
      'needs',
      Object.entries(engines)
        .map(([engine, range]) => `${engine} ${range}`)
        .join(', '),
    ],
    ['programs', programs?.join(', ') || (programs ? 'none' : 'unknown')],
    ['dependencies', dependenciesText(dependencies, wide)],
    ['downloads', downloads.lastMonth === 'unknown' ? 'unknown' : `${downloads.lastMonth} in the last month`],
    [
      'provenance',
      found.provenance === 'yes' ? 'the registry has a statement of where it was built' : 'unknown',
    ],
    ['deprecated', deprecated.state],
    ['repository', found.repository],
    ['homepage', found.homepage],
    ['published', found.published],
    ['template', found.template],
    ['by hand', found.install],
  ];
}

function ownerText({ state, mcpName, listedAs }: PackageAnswer['owner']): string {
  if (state === 'verified') return `verified: it and the registry entry ${listedAs ?? ''} name each other`;
  return state === 'claimed'
    ? `claims to be ${mcpName ?? ''}, which no registry that is asked confirms`
    : state;
}

function dependenciesText(dependencies: PackageAnswer['dependencies'], wide: boolean): string {
  if (dependencies === undefined) return 'unknown';
  const names = Object.keys(dependencies);
  if (names.length === 0) return 'none';
  return wide
    ? Object.entries(dependencies)
        .map((pair) => pair.join(' '))
        .join(', ')
    : String(names.length);
}

function versionTable({ versions, tags }: PackageAnswer, wide: boolean): string {
  const shown = wide ? versions : versions.slice(0, FEW_VERSIONS);
  const tagsOf = (version: string): string =>
    Object.entries(tags)
      .filter(([, tagged]) => tagged === version)
      .map(([tag]) => tag)
      .join(', ');
  const rows = shown.map(({ version, published, deprecated, yanked, engines }) => [
    version,
    published?.slice(0, 10) ?? '-',
    Object.values(engines).join(', ') || '-',
    [tagsOf(version), deprecated && 'deprecated', yanked !== undefined && 'yanked']
      .filter(Boolean)
      .join(', '),
  ]);
  const more = versions.length - shown.length;
  return `${formatTable(['VERSION', 'PUBLISHED', 'NEEDS', ''], rows)}${more > 0 ? `${more} older ones with -o wide\n` : ''}`;
}
