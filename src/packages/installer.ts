/** The contract between {@link Packages} and an ecosystem. */

import type { InstalledTree, PackageSource, ResolvedPackage, TreeSignatures } from './package.ts';
import type { TreeLock } from './tree-store.ts';

export interface InstallerOptions {
  readonly signal?: AbortSignal | undefined;
  /** Tells the caller what goes on, in a few words. */
  readonly say: (text: string) => void;
}

/** What one ecosystem knows how to do; all of it may use the network except {@link program}. */
export interface Installer {
  resolve(source: PackageSource, options: InstallerOptions): Promise<ResolvedPackage>;
  /** Resolves the dependencies in an empty scratch folder. */
  lock(
    resolved: ResolvedPackage,
    folder: string,
    options: InstallerOptions,
  ): Promise<{ key: string; lock: TreeLock }>;
  /** Fills a folder that holds the files of the lock. */
  install(resolved: ResolvedPackage, folder: string, options: InstallerOptions): Promise<void>;
  program(folder: string, resolved: ResolvedPackage): Promise<InstalledTree['program']>;
  /** Absent where registries do not sign; undefined where nobody is to look. */
  signatures?(lock: TreeLock, signal: AbortSignal): Promise<TreeSignatures | undefined>;
}
