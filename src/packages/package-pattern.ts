/** Which packages are meant by an entry of a list: `npm:@scope/*`, `pypi:name@1.2.*`, `pkg:npm/%40scope/name@1.0.0`, or a name of either kind. */
import type { Ecosystem } from './package.ts';

const PATTERN =
  /^(?:(npm|pypi):|pkg:(npm|pypi)\/)?((?:@[A-Za-z0-9*._~-]+\/)?[A-Za-z0-9*._~-]+)(?:@([A-Za-z0-9*.+!_-]+))?$/;
const MAX_CHARS = 300;

export interface PatternedPackage {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  /** Exact; absent while it is not known. */
  readonly version?: string | undefined;
}

/** `yes`, `no`, or `maybe` while the version is not known and counts. */
export type Match = 'yes' | 'no' | 'maybe';

/** False for what is no such entry. */
export function isPackagePattern(text: string): boolean {
  return parse(text) !== undefined;
}

/** A `*` stands for any characters but `/`, so that no scope is meant that is not named. */
export function matchPackage(pattern: string, { ecosystem, name, version }: PatternedPackage): Match {
  const parsed = parse(pattern);
  if (!parsed || (parsed.ecosystem !== undefined && parsed.ecosystem !== ecosystem)) return 'no';
  const [wanted, given] =
    ecosystem === 'pypi' ? [normalised(parsed.name), normalised(name)] : [parsed.name, name];
  if (!isGlob(wanted, given)) return 'no';
  if (parsed.version === undefined) return 'yes';
  if (version === undefined) return 'maybe';
  return isGlob(parsed.version, version) ? 'yes' : 'no';
}

function parse(text: string): { ecosystem?: Ecosystem; name: string; version?: string } | undefined {
  if (text.length > MAX_CHARS) return undefined;
  const plain = text.startsWith('pkg:') ? text.replaceAll(/%40/gi, '@').replaceAll(/%2f/gi, '/') : text;
  const [, short, purl, name, version] = PATTERN.exec(plain) ?? [];
  if (name === undefined) return undefined;
  const ecosystem = (short ?? purl) as Ecosystem | undefined;
  return { name, ...(ecosystem && { ecosystem }), ...(version !== undefined && { version }) };
}

function isGlob(glob: string, text: string): boolean {
  const [wanted, given] = [glob.split('/'), text.split('/')];
  return wanted.length === given.length && wanted.every((part, at) => fitsPart(part, given[at] ?? ''));
}

/** What stands between two stars is taken where it first comes: nothing is tried twice, however many stars there are. */
function fitsPart(glob: string, text: string): boolean {
  const parts = glob.split('*');
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return glob === text;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > text.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}

function normalised(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
