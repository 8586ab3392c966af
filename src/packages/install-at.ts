/** Installs one package into one given folder, for a machine that has nothing else to do: no store, no lock against others. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError, toBerthError } from '../errors.ts';
import type { Launch } from '../supervisor/launch.ts';
import type { InstallerOptions } from './installer.ts';
import { toLaunch } from './launch.ts';
import { forgetInstaller } from './leftover.ts';
import { createNpmInstaller } from './npm-installer.ts';
import type { PackagePhase, PackageSource, ResolvedPackage, TreeSignatures } from './package.ts';
import { checkLockAllowed, checkPackageAllowed, NO_RULES, type PackageRules } from './package-rules.ts';
import { checkPackageSource } from './package-source.ts';
import { createPypiInstaller } from './pypi-installer.ts';
import { REGISTRY_SILENCE_MS } from './silence.ts';

export interface InstallAtOptions extends InstallerOptions {
  /** Absolute and empty: the tree's place for good, as trees remember where they are. */
  readonly folder: string;
  /** For what installers keep beside the tree. */
  readonly work: string;
  /** The home that the server will have. */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Which packages may be had; all of them unless given. */
  readonly rules?: PackageRules;
  /** Milliseconds that a registry may say nothing. */
  readonly silence?: number;
  /** Looks up as well whose signatures are on what was installed. */
  readonly signatures?: boolean;
}

export interface InstalledPackage {
  readonly resolved: ResolvedPackage;
  /** Of the package's program without arguments and variables of a user. */
  readonly launch: Launch;
  /** Absent where nobody has looked, or none can be had. */
  readonly signatures?: TreeSignatures;
}

/** Rejects with `bad-input`, `resolve-failed` or `install-failed`; the phase is always named. */
export async function installAt(source: PackageSource, options: InstallAtOptions): Promise<InstalledPackage> {
  const checked = checkPackageSource(source);
  const { folder, work, home, env, rules = NO_RULES, silence = REGISTRY_SILENCE_MS } = options;
  const input = { dataDir: work, env, silence };
  const installer =
    checked.ecosystem === 'npm'
      ? createNpmInstaller({ ...input, signatures: rules.npmSignatures })
      : createPypiInstaller(input);
  await mkdir(work, { recursive: true });
  const resolved = await within('resolve', async () => {
    const found = await installer.resolve(checked, options);
    checkPackageAllowed(found, rules);
    return found;
  });
  return await within('install', async () => {
    const scratch = join(work, 'lock');
    await mkdir(scratch, { recursive: true });
    const { key, lock } = await installer.lock(resolved, scratch, options);
    checkLockAllowed(resolved, lock, rules);
    for (const [name, text] of Object.entries(lock)) await writeFile(join(folder, name), text);
    await installer.install(resolved, folder, options);
    await forgetInstaller(folder);
    const program = await installer.program(folder, resolved);
    const tree = { key, path: folder, resolved, program };
    const { signal = new AbortController().signal } = options;
    // What cannot be found out is not known; the package is installed all the same.
    const signatures =
      options.signatures && (await installer.signatures?.(lock, signal).catch(() => undefined));
    return {
      resolved,
      launch: toLaunch(tree, { args: [], env: {}, home }, env),
      ...(signatures && { signatures }),
    };
  });
}

async function within<T>(phase: PackagePhase, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = toBerthError(thrown);
    if (error.details.phase !== undefined) throw error;
    if (thrown instanceof BerthError)
      throw new BerthError(error.code, error.message, { ...error.details, phase });
    const text = thrown instanceof Error ? thrown.message : 'unknown failure';
    throw new BerthError(`${phase}-failed`, `${phase} failed: ${text}`, { phase, cause: thrown });
  }
}
