/**
 * The door of the packages folder: what a caller typed becomes a package name and a version, or nothing.
 *
 * Every raw string first meets an anchored pattern of harmless characters, because the parsers behind are generous:
 * npm-package-arg takes `-c` for a dist-tag, a trailing newline for part of a version and `1.2.3/../../x` for a folder.
 */

import { parse as parsePep440, validRange } from '@renovatebot/pep440';
import npa from 'npm-package-arg';
import { BerthError } from '../errors.ts';
import type { PackageSource } from './package.ts';

const MAX_NAME_CHARS = 214;
const NPM_NAME = /^(?:@[a-z0-9][a-z0-9._~-]*\/)?[a-z0-9][a-z0-9._~-]*$/;
/** Exact, range or dist-tag; no blank, so a range of two bounds is written with `||`, `^`, `~` or `x`. */
const NPM_VERSION = /^[A-Za-z0-9~^<>=*][A-Za-z0-9~^<>=*|.+_-]{0,127}$/;
const NPM_VERSION_KINDS: ReadonlySet<string> = new Set(['version', 'range', 'tag']);
const PYPI_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const PYPI_VERSION = /^[A-Za-z0-9~<>=!][A-Za-z0-9~<>=!,.*+_-]{0,127}$/;
const PYPI_REQUIREMENT =
  /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)([~<>=!][A-Za-z0-9~<>=!,.*+_-]{0,127})?$/;
const BIN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const MAX_REQUIREMENTS = 32;

/** A project name as PyPI compares it: lower case, with one dash for every run of `-`, `_` and `.`. */
export function normalisePypiName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** The same request, checked and normalised (PyPI names, `latest`). Throws `bad-input` naming the field. */
export function checkPackageSource(source: PackageSource): PackageSource {
  const name = source.ecosystem === 'npm' ? checkNpmName(source.name) : checkPypiName(source.name);
  const version = checkVersion(source.ecosystem, name, source.version);
  const bin = source.bin === undefined ? undefined : checkBin(source.bin);
  const constraints = checkRequirements(source, 'constraints');
  const overrides = checkRequirements(source, 'overrides');
  return {
    ecosystem: source.ecosystem,
    name,
    ...(version === undefined ? {} : { version }),
    ...(bin === undefined ? {} : { bin }),
    allowInstallScripts: source.allowInstallScripts === true,
    constraints,
    ...(overrides.length > 0 && { overrides }),
  };
}

/** True for one exact version of the ecosystem, false for a range or dist-tag. */
export function isExactVersion(ecosystem: PackageSource['ecosystem'], version: string): boolean {
  if (ecosystem === 'pypi') return parsePep440(version) !== null;
  return NPM_VERSION.test(version) && npa.resolve('x', version).type === 'version';
}

function refuse(pointer: string, detail: string): never {
  throw new BerthError('bad-input', `${pointer.slice(1)}: ${detail}`, { fields: [{ pointer, detail }] });
}

function checkNpmName(name: unknown): string {
  if (typeof name !== 'string' || name.length > MAX_NAME_CHARS || !NPM_NAME.test(name)) {
    refuse('/name', 'is no npm package name');
  }
  try {
    const spec = npa(name);
    if (spec.registry && spec.name === name) return name;
  } catch {
    // Falls through: reserved names such as node_modules.
  }
  return refuse('/name', 'is no npm package name');
}

function checkPypiName(name: unknown): string {
  if (typeof name !== 'string' || name.length > MAX_NAME_CHARS || !PYPI_NAME.test(name)) {
    refuse('/name', 'is no PyPI project name');
  }
  return normalisePypiName(name);
}

function checkVersion(
  ecosystem: PackageSource['ecosystem'],
  name: string,
  version: unknown,
): string | undefined {
  if (version === undefined) return undefined;
  if (typeof version !== 'string') refuse('/version', 'is no text');
  const ok = ecosystem === 'npm' ? isNpmVersion(name, version) : isPypiVersion(version);
  if (!ok) refuse('/version', 'is no version, range or tag of the registry');
  return version === 'latest' && ecosystem === 'pypi' ? undefined : version;
}

function isNpmVersion(name: string, version: string): boolean {
  if (!NPM_VERSION.test(version)) return false;
  try {
    return NPM_VERSION_KINDS.has(npa.resolve(name, version).type);
  } catch {
    return false;
  }
}

function isPypiVersion(version: string): boolean {
  if (!PYPI_VERSION.test(version)) return false;
  return version === 'latest' || parsePep440(version) !== null || isPypiRange(version);
}

function isPypiRange(range: string): boolean {
  // `===` compares text and would let anything through.
  return !range.includes('===') && validRange(range);
}

function checkBin(bin: unknown): string {
  if (typeof bin !== 'string' || !BIN.test(bin)) refuse('/bin', 'is no program name');
  return bin;
}

function checkRequirements(source: PackageSource, field: 'constraints' | 'overrides'): readonly string[] {
  const requirements: readonly unknown[] = source[field] ?? [];
  if (requirements.length > 0 && source.ecosystem === 'npm') refuse(`/${field}`, 'exist for PyPI only');
  if (requirements.length > MAX_REQUIREMENTS) refuse(`/${field}`, `are more than ${MAX_REQUIREMENTS}`);
  return requirements.map((requirement, index) => {
    const match = typeof requirement === 'string' ? PYPI_REQUIREMENT.exec(requirement) : null;
    const [, name, range] = match ?? [];
    if (name === undefined || (range !== undefined && !isPypiRange(range))) {
      refuse(`/${field}/${index}`, 'is no name with a version range');
    }
    return `${normalisePypiName(name)}${range ?? ''}`;
  });
}
