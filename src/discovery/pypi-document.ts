/** What a Python index says about a project: versions from its files, the rest from its JSON API, checked field by field. */
import { rcompare, valid } from '@renovatebot/pep440';
import { normalisePypiName } from '../packages/package-source.ts';
import type { SimpleFile, SimplePage } from '../packages/simple-page.ts';
import { asObject, optional, text, textList, webAddress } from './npm-document.ts';

export interface PypiVersion {
  readonly version: string;
  readonly published?: string;
  /** All of its files are withdrawn; the reason, which may be empty. */
  readonly yanked?: string;
  readonly requiresPython?: string;
  readonly attested?: boolean;
  /** Bytes of its largest file. */
  readonly size?: number;
}

export interface PypiProject {
  /** Newest first in the order of PEP 440; only those that have files. */
  readonly versions: readonly PypiVersion[];
  readonly status?: SimplePage['status'];
}

export interface PypiMetadata {
  /** The version that all this is about. */
  readonly version?: string;
  readonly summary?: string;
  readonly keywords: readonly string[];
  readonly classifiers: readonly string[];
  /** Name, and what follows it: `>=1.2; python_version<"3.12"`; undefined where the index does not say. */
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly requiresPython?: string;
  readonly license?: string;
  readonly author?: string;
  readonly maintainers: readonly string[];
  readonly homepage?: string;
  readonly repository?: string;
  /** What its description claims with `mcp-name:`. */
  readonly mcpName?: string;
  /** The index has the description at all. */
  readonly described: boolean;
}

const MCP_NAME = /mcp-name:\s*([A-Za-z0-9.-]+\/[A-Za-z0-9._-]*[A-Za-z0-9_-])(?![A-Za-z0-9/])/;
const REQUIREMENT = /^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(.*)$/s;
const REPOSITORY_LABEL = /^(?:repository|source|source code|code|github|gitlab)$/i;

export function toProject(page: SimplePage, project: string): PypiProject {
  const byVersion = new Map<string, SimpleFile[]>();
  for (const file of page.files) {
    const version = versionOf(file.name, project);
    if (version !== undefined) byVersion.set(version, [...(byVersion.get(version) ?? []), file]);
  }
  const versions = [...byVersion].map(([version, files]) => toVersion(version, files));
  versions.sort((a, b) => rcompare(a.version, b.version));
  return { versions, ...(page.status !== undefined && { status: page.status }) };
}

function toVersion(version: string, files: readonly SimpleFile[]): PypiVersion {
  const yanked = files.every((file) => file.yanked !== undefined) ? (files[0]?.yanked ?? '') : undefined;
  const uploads = files.flatMap(({ uploaded }) => uploaded ?? []).sort();
  const sizes = files.flatMap(({ size }) => size ?? []);
  const attested = files.some((file) => file.attested === true)
    ? true
    : files.some((file) => file.attested === false)
      ? false
      : undefined;
  return {
    version,
    ...optional('published', uploads[0]),
    ...optional('yanked', yanked),
    ...optional('requiresPython', files.find((file) => file.requiresPython !== undefined)?.requiresPython),
    ...optional('attested', attested),
    ...optional('size', sizes.length === 0 ? undefined : Math.max(...sizes)),
  };
}

/** The version in a file's name: `name-1.0-py3-none-any.whl`, `name-1.0.tar.gz`. */
function versionOf(file: string, project: string): string | undefined {
  const stem = file.replace(/\.(?:whl|tar\.gz|tar\.bz2|tar\.xz|zip|egg)$/i, '');
  if (stem === file) return undefined;
  const wheel = /\.(?:whl|egg)$/i.test(file);
  const parts = stem.split('-');
  for (let at = 1; at < parts.length; at++) {
    if (normalisePypiName(parts.slice(0, at).join('-')) !== normalisePypiName(project)) continue;
    const version = wheel ? parts[at] : parts.slice(at).join('-');
    if (version !== undefined && valid(version) !== null) return version;
  }
  return undefined;
}

/** The document of the JSON API. Throws when it is none. */
export function readPypiMetadata(body: string): PypiMetadata {
  const info = asObject(asObject(JSON.parse(body))?.info);
  if (info === undefined) throw new Error('has no info');
  const urls = webAddresses(info.project_urls);
  const description = typeof info.description === 'string' ? info.description : '';
  const repository = [...urls].find(([label]) => REPOSITORY_LABEL.test(label))?.[1];
  return {
    keywords: keywordsOf(info.keywords),
    classifiers: textList(info.classifiers),
    maintainers: [...new Set([info.maintainer, info.author].flatMap((one) => text(one) ?? []))],
    described: typeof info.description === 'string',
    ...optional('version', text(info.version)),
    ...optional('summary', text(info.summary)),
    ...optional('dependencies', dependenciesOf(info.requires_dist)),
    ...optional('requiresPython', text(info.requires_python)),
    ...optional('license', text(info.license_expression, 100) ?? text(info.license, 100)),
    ...optional('author', text(info.author) ?? text(info.author_email)),
    ...optional('homepage', webAddress(info.home_page) ?? urls.get('Homepage') ?? urls.get('homepage')),
    ...optional('repository', repository),
    ...optional('mcpName', MCP_NAME.exec(description)?.[1]),
  };
}

function dependenciesOf(value: unknown): Record<string, string> | undefined {
  if (!Array.isArray(value)) return undefined;
  const entries = (value as readonly unknown[]).flatMap((one) => {
    const [, name, rest] = REQUIREMENT.exec(text(one) ?? '') ?? [];
    return name === undefined ? [] : [[normalisePypiName(name), rest?.trim() || '*'] as const];
  });
  return Object.fromEntries(entries);
}

function keywordsOf(value: unknown): string[] {
  if (typeof value !== 'string') return textList(value);
  return value.split(value.includes(',') ? ',' : /\s+/).flatMap((word) => text(word, 100) ?? []);
}

function webAddresses(value: unknown): Map<string, string> {
  const entries = Object.entries(asObject(value) ?? {});
  return new Map(
    entries.flatMap(([label, url]) => {
      const address = webAddress(url);
      return address === undefined ? [] : [[label, address] as const];
    }),
  );
}
