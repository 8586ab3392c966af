/**
 * Packages: a name becomes an exact version once, a version becomes a tree on disk once, and servers start from the
 * tree without asking anybody. What differs between ecosystems is behind {@link Installer}.
 */

import { mkdir } from 'node:fs/promises';
import { BerthError } from '../errors.ts';
import type { Installer, InstallerOptions } from './installer.ts';
import { toLaunch } from './launch.ts';
import { createNpmInstaller } from './npm-installer.ts';
import type {
  InstalledTree,
  PackageOptions,
  PackageProgress,
  PackageSource,
  Packages,
  ResolvedPackage,
  TreeSignatures,
} from './package.ts';
import {
  checkLockAllowed,
  checkPackageAllowed,
  checkSourceAllowed,
  NO_RULES,
  type PackageRules,
} from './package-rules.ts';
import { checkPackageSource, isExactVersion } from './package-source.ts';
import { currentPlatform } from './platform.ts';
import { createPypiInstaller } from './pypi-installer.ts';
import { REGISTRY_SILENCE_MS } from './silence.ts';
import { collectTrees } from './tree-collect.ts';
import { type TreeMarker, TreeStore } from './tree-store.ts';

export interface PackagesOptions {
  /** Trees, locks and tools are kept here; absolute. */
  readonly dataDir: string;
  /** Where the user's npm, pip and uv settings are read from; the gateway's own environment unless given. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds that one resolve or install may take; 15 minutes unless given. */
  readonly timeout?: number;
  /** Which packages may be had; all of them unless given. */
  readonly rules?: PackageRules;
  /** Milliseconds that a registry may say nothing; {@link REGISTRY_SILENCE_MS} unless given. */
  readonly silence?: number;
}

const DEFAULT_TIMEOUT_MS = 15 * 60_000;

/** Packages with their trees under `dataDir`. Nothing is started and nothing is to be closed. */
export function createPackages(options: PackagesOptions): Packages {
  return new TreePackages(options);
}

class TreePackages implements Packages {
  readonly #store: TreeStore;
  readonly #env: NodeJS.ProcessEnv;
  readonly #timeout: number;
  readonly #installers: Readonly<Record<PackageSource['ecosystem'], Installer>>;
  readonly #dataDir: string;
  readonly #rules: PackageRules;

  constructor(options: PackagesOptions) {
    this.#dataDir = options.dataDir;
    this.#store = new TreeStore(options.dataDir);
    this.#env = options.env ?? process.env;
    this.#timeout = options.timeout ?? DEFAULT_TIMEOUT_MS;
    this.#rules = options.rules ?? NO_RULES;
    const { dataDir, silence = REGISTRY_SILENCE_MS } = options;
    const input = { dataDir, env: this.#env, silence };
    this.#installers = {
      npm: createNpmInstaller({ ...input, signatures: this.#rules.npmSignatures }),
      pypi: createPypiInstaller(input),
    };
  }

  async resolve(source: PackageSource, options: PackageOptions = {}): Promise<ResolvedPackage> {
    const checked = checkPackageSource(source);
    checkSourceAllowed(checked, this.#rules);
    const run = this.#start('resolve', options);
    run.say(`resolving ${checked.name}${checked.version === undefined ? '' : `@${checked.version}`}`);
    await mkdir(this.#dataDir, { recursive: true });
    return await this.#within('resolve', run, async () => {
      const resolved = await this.#installers[checked.ecosystem].resolve(checked, run);
      checkPackageAllowed(resolved, this.#rules);
      return resolved;
    });
  }

  async install(
    resolved: ResolvedPackage,
    options: PackageOptions & { readonly key?: string } = {},
  ): Promise<InstalledTree> {
    checkPackageSource(resolved);
    if (!isExactVersion(resolved.ecosystem, resolved.version)) {
      throw new BerthError('bad-input', 'version: is not exact');
    }
    // What was let in once may have been blocked since then.
    checkPackageAllowed(resolved, this.#rules);
    const run = this.#start('install', options);
    return await this.#within('install', run, async () => {
      const marker = await this.#ensure(resolved, options.key, run);
      checkLockAllowed(resolved, (await this.#store.lockOf(marker.key)) ?? {}, this.#rules);
      return await this.#toTree(marker, resolved);
    });
  }

  launch(tree: InstalledTree, input: Parameters<Packages['launch']>[1]): ReturnType<Packages['launch']> {
    return toLaunch(tree, input, this.#env);
  }

  async signatures(
    { key, resolved }: InstalledTree,
    signal: AbortSignal,
  ): Promise<TreeSignatures | undefined> {
    const lock = await this.#store.lockOf(key);
    return lock && (await this.#installers[resolved.ecosystem].signatures?.(lock, signal));
  }

  async collect(policy: Parameters<Packages['collect']>[0]): ReturnType<Packages['collect']> {
    return await collectTrees(this.#store, policy);
  }

  /** A known key wins, then what the same request led to before, then a new lock. */
  async #ensure(
    resolved: ResolvedPackage,
    key: string | undefined,
    run: InstallerOptions,
  ): Promise<TreeMarker> {
    const request = JSON.stringify([identityOf(resolved), resolved.integrity ?? '', currentPlatform()]);
    const present = await this.#present(resolved, key, request);
    if (present) return present;
    return await this.#store.exclusiveRequest(request, run.signal, async () => {
      const meanwhile = await this.#present(resolved, key, request);
      return meanwhile ?? (await this.#make(resolved, key, { request, run }));
    });
  }

  async #present(
    resolved: ResolvedPackage,
    key: string | undefined,
    request: string,
  ): Promise<TreeMarker | undefined> {
    const known = key ?? (await this.#store.keyOfRequest(request));
    const marker = known === undefined ? undefined : await this.#store.find(known);
    return marker && isSame(marker.resolved, resolved) ? marker : undefined;
  }

  /** A collected tree comes back from its old lock; only what was never here is locked anew. */
  async #make(
    resolved: ResolvedPackage,
    key: string | undefined,
    { request, run }: { readonly request: string; readonly run: InstallerOptions },
  ): Promise<TreeMarker> {
    const installer = this.#installers[resolved.ecosystem];
    const old = key === undefined ? undefined : await this.#store.lockOf(key);
    const locked =
      key !== undefined && old !== undefined
        ? { key, lock: old }
        : await this.#store.scratch((folder) => installer.lock(resolved, folder, run));
    checkLockAllowed(resolved, locked.lock, this.#rules);
    const install = (folder: string) => installer.install(resolved, folder, run);
    const marker = await this.#store.fill({ ...locked, resolved }, install, run.signal);
    await this.#store.rememberRequest(request, locked.key);
    return marker;
  }

  async #toTree(marker: TreeMarker, resolved: ResolvedPackage): Promise<InstalledTree> {
    const path = this.#store.path(marker.key);
    const program = await this.#installers[resolved.ecosystem].program(path, resolved);
    return { key: marker.key, path, resolved, program };
  }

  #start(phase: PackageProgress['phase'], options: PackageOptions): InstallerOptions {
    const limit = AbortSignal.timeout(this.#timeout);
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
    return { signal, say: (text) => options.progress?.({ phase, text }) };
  }

  /** Nothing but {@link BerthError} and the caller's own abort reason leaves this folder. */
  async #within<T>(
    phase: PackageProgress['phase'],
    run: InstallerOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const code = phase === 'resolve' ? 'resolve-failed' : 'install-failed';
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof BerthError) throw cause;
      if (cause instanceof DOMException && cause.name === 'TimeoutError') {
        throw new BerthError(code, `${phase} took longer than ${this.#timeout} ms`, { phase, cause });
      }
      if (run.signal?.aborted) throw cause;
      const text = cause instanceof Error ? cause.message : 'unknown failure';
      throw new BerthError(code, `${phase} failed: ${text}`, { phase, cause });
    }
  }
}

/** What makes two requests lead to one tree; which of its programs runs does not. */
function identityOf(resolved: ResolvedPackage): readonly unknown[] {
  const { ecosystem, name, version, allowInstallScripts, constraints, overrides = [] } = resolved;
  return [ecosystem, name, version, allowInstallScripts, constraints, overrides];
}

function isSame(a: ResolvedPackage, b: ResolvedPackage): boolean {
  return JSON.stringify(identityOf(a)) === JSON.stringify(identityOf(b));
}
