/** An npm package document (packument), reduced to what discovery shows. Everything in it is a stranger's: checked field by field. */
import semver from 'semver';

export interface NpmVersion {
  readonly version: string;
  readonly published?: string;
  readonly deprecated?: string;
  readonly description?: string;
  readonly keywords: readonly string[];
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly programs: readonly string[];
  readonly mcpName?: string;
  readonly installScripts: boolean;
  readonly license?: string;
  readonly author?: string;
  readonly homepage?: string;
  readonly repository?: string;
  readonly maintainers: readonly string[];
  /** Bytes. */
  readonly unpackedSize?: number;
  readonly integrity?: string;
  /** The registry names attestations for it. */
  readonly attested: boolean;
  /** The registry signs what it has. */
  readonly signed: boolean;
}

export interface NpmDocument {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Newest first. */
  readonly versions: readonly NpmVersion[];
}

type Json = Readonly<Record<string, unknown>>;

/** Throws when it is no package document of this name. */
export function readNpmDocument(text: string, name: string): NpmDocument {
  const json = asObject(JSON.parse(text));
  if (json === undefined || json.name !== name) throw new Error(`is no document of ${name}`);
  const times = asObject(json.time) ?? {};
  const versions = Object.entries(asObject(json.versions) ?? {})
    .flatMap(([version, manifest]) => {
      const fields = asObject(manifest);
      return fields && semver.valid(version) !== null
        ? [toVersion(version, fields, times[version], json)]
        : [];
    })
    .sort((a, b) => semver.rcompare(a.version, b.version));
  return { name, tags: textMap(json['dist-tags']), versions };
}

/** One manifest as `/<name>/<tag>` gives it. Throws when it is none of this name. */
export function readNpmManifest(text: string, name: string): NpmVersion {
  const json = asObject(JSON.parse(text));
  if (json?.name !== name || typeof json.version !== 'string' || semver.valid(json.version) === null)
    throw new Error(`is no manifest of ${name}`);
  return toVersion(json.version, json, undefined, {});
}

function toVersion(version: string, fields: Json, published: unknown, document: Json): NpmVersion {
  const dist = asObject(fields.dist) ?? {};
  const both = (name: string): unknown => fields[name] ?? document[name];
  return {
    version,
    keywords: textList(both('keywords')),
    engines: textMap(fields.engines),
    dependencies: textMap(fields.dependencies),
    programs: programsOf(fields),
    installScripts: hasInstallScripts(fields),
    maintainers: people(document.maintainers ?? fields.maintainers),
    attested: asObject(dist.attestations) !== undefined,
    signed: Array.isArray(dist.signatures) && dist.signatures.length > 0,
    ...optional('published', text(published)),
    ...optional('deprecated', deprecation(fields.deprecated)),
    ...optional('description', text(both('description'))),
    ...optional('mcpName', text(fields.mcpName)),
    ...optional('license', text(both('license')) ?? text(asObject(both('license'))?.type)),
    ...optional('author', people([both('author')])[0]),
    ...optional('homepage', webAddress(both('homepage'))),
    ...optional('repository', repositoryOf(both('repository'))),
    ...optional('unpackedSize', typeof dist.unpackedSize === 'number' ? dist.unpackedSize : undefined),
    ...optional('integrity', text(dist.integrity)),
  };
}

function deprecation(value: unknown): string | undefined {
  if (value === true) return 'deprecated';
  return typeof value === 'string' && value.trim() !== '' ? value.slice(0, 500) : undefined;
}

function programsOf({ bin, name }: Json): string[] {
  if (typeof bin === 'string') return [String(name).replace(/^@[^/]+\//, '')];
  return Object.keys(asObject(bin) ?? {});
}

function hasInstallScripts(fields: Json): boolean {
  const scripts = asObject(fields.scripts) ?? {};
  return (
    fields.hasInstallScript === true ||
    ['preinstall', 'install', 'postinstall'].some((name) => Object.hasOwn(scripts, name))
  );
}

/** `git+ssh://git@host/x.git`, `github:a/b` and the like as an address that a browser opens, or as it is. */
function repositoryOf(value: unknown): string | undefined {
  const url = text(value) ?? text(asObject(value)?.url);
  if (url === undefined) return undefined;
  const bare = url
    .replace(/^git\+/, '')
    .replace(/^(?:git|ssh):\/\/(?:git@)?/, 'https://')
    .replace(/\.git(#.*)?$/, '');
  return webAddress(bare) ?? url;
}

/** An http or https address without credentials, or nothing. */
export function webAddress(value: unknown): string | undefined {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  return url.username === '' && url.password === '' ? text(value) : undefined;
}

export function people(value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.flatMap((one) => {
    const person = asObject(one);
    const name = text(one) ?? text(person?.username) ?? text(person?.name);
    return name === undefined ? [] : [name.replace(/\s*<[^>]*>/, '').replace(/\s*\([^)]*\)$/, '')];
  });
}

export function asObject(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** A text that says something, cut to a bearable length. */
export function text(value: unknown, maxChars = 500): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, maxChars) : undefined;
}

export function textList(value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.flatMap((one) => text(one, 100) ?? []).slice(0, 100);
}

function textMap(value: unknown): Record<string, string> {
  const entries = Object.entries(asObject(value) ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
