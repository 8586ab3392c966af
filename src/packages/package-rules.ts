/** Which packages an operator lets in. */
import { BerthError } from '../errors.ts';
import type { PackageSource } from './package.ts';
import { matchPackage, type PatternedPackage } from './package-pattern.ts';
import { isExactVersion } from './package-source.ts';
import type { TreeLock } from './tree-store.ts';

export interface PackageRules {
  /** Where it is not empty, servers come from these packages only. */
  readonly allow: readonly string[];
  /** Never, not even as what another package needs. */
  readonly block: readonly string[];
  /**
   * Signatures of an npm registry: `offered` checks them where the registry has them, `required` refuses packages without one,
   * `off` does not look.
   */
  readonly npmSignatures: 'offered' | 'required' | 'off';
}

export const NO_RULES: PackageRules = { allow: [], block: [], npmSignatures: 'offered' };

/** As {@link checkPackageAllowed}, before anybody is asked: a range or a tag says nothing about the version that it leads to. */
export function checkSourceAllowed({ ecosystem, name, version }: PackageSource, rules: PackageRules): void {
  const exact = version !== undefined && isExactVersion(ecosystem, version);
  checkPackageAllowed({ ecosystem, name, ...(exact && { version }) }, rules);
}

/** Throws `not-allowed`. Without a version only what does not depend on it is checked. */
export function checkPackageAllowed(wanted: PatternedPackage, { allow, block }: PackageRules): void {
  const entry = blockedBy(wanted, block);
  if (entry !== undefined)
    throw refusal(`${nameOf(wanted)} is blocked here (packages.block: ${entry})`, blockHint(entry));
  if (allow.length === 0 || allow.some((pattern) => matchPackage(pattern, wanted) !== 'no')) return;
  throw refusal(
    `${nameOf(wanted)} is not among the packages that are allowed here`,
    `An operator has to add ${wanted.ecosystem}:${wanted.name} to the setting packages.allow, and start Berth again.`,
  );
}

/** Throws `not-allowed` when anything that `root` brings along is blocked. */
export function checkLockAllowed(
  root: PatternedPackage,
  lock: TreeLock,
  { block }: Pick<PackageRules, 'block'>,
): void {
  if (block.length === 0) return;
  for (const part of lockedPackages(root.ecosystem, lock)) {
    const entry = blockedBy(part, block);
    if (entry === undefined) continue;
    throw refusal(
      `${nameOf(root)} needs ${nameOf(part)}, which is blocked here (packages.block: ${entry})`,
      blockHint(entry),
    );
  }
}

function blockedBy(wanted: PatternedPackage, block: readonly string[]): string | undefined {
  return block.find((pattern) => matchPackage(pattern, wanted) === 'yes');
}

/** Everything that a lock names, the package itself included. */
function lockedPackages(ecosystem: PatternedPackage['ecosystem'], lock: TreeLock): PatternedPackage[] {
  return ecosystem === 'npm' ? npmPackages(lock) : pypiPackages(lock);
}

interface NpmLock {
  readonly packages?: Readonly<Record<string, { readonly name?: string; readonly version?: string }>>;
}

function npmPackages(lock: TreeLock): PatternedPackage[] {
  const { packages = {} } = JSON.parse(lock['package-lock.json'] ?? '{}') as NpmLock;
  return Object.entries(packages).flatMap(([place, { name, version }]) => {
    const at = place.lastIndexOf('node_modules/');
    // An alias says under `name` what it really is.
    return at < 0 ? [] : [{ ecosystem: 'npm', name: name ?? place.slice(at + 13), version }];
  });
}

function pypiPackages(lock: TreeLock): PatternedPackage[] {
  const lines = (lock['requirements.txt'] ?? '').matchAll(/^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)/gm);
  return [...lines].map(([, name = '', version]) => ({ ecosystem: 'pypi', name, version }));
}

function nameOf({ ecosystem, name, version }: PatternedPackage): string {
  return `${ecosystem}:${name}${version === undefined ? '' : `${ecosystem === 'npm' ? '@' : '=='}${version}`}`;
}

function blockHint(entry: string): string {
  return `Use another package or version. An operator can take ${entry} out of the setting packages.block.`;
}

function refusal(message: string, hint: string): BerthError {
  return new BerthError('not-allowed', message, { hint });
}
