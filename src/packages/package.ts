/** The words of the packages folder: what is asked for, what it resolved to, and the installed tree it runs from. */
import type { Launch } from '../supervisor/launch.ts';
import type { SignatureState } from './npm-signature.ts';

export type Ecosystem = 'npm' | 'pypi';

/** A validated request for a package. `version` may be exact, a range or a dist-tag; absent means the registry's default. */
export interface PackageSource {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly version?: string;
  /** Which of the package's programs to run; absent means npx's (uvx's) rule. */
  readonly bin?: string;
  /** Run lifecycle scripts (npm) or allow builds from source (PyPI). Off unless a template says so. */
  readonly allowInstallScripts?: boolean;
  /** Further requirements for the resolver (PyPI), for example `mcp<2`. */
  readonly constraints?: readonly string[];
  /** Requirements that take the place of those that packages themselves have (PyPI): what they pin may no longer be there. */
  readonly overrides?: readonly string[];
}

/** Fixed for the life of a server spec: a restart never resolves again. */
export interface ResolvedPackage {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  /** Exact. */
  readonly version: string;
  readonly bin?: string;
  readonly allowInstallScripts: boolean;
  readonly constraints: readonly string[];
  /** Absent where there are none. */
  readonly overrides?: readonly string[];
  /** Registry integrity of the package itself, where the registry gives one. */
  readonly integrity?: string;
  /** Whether its registry has signed it; absent where nobody looked. */
  readonly signature?: SignatureState;
}

/** A tree that is complete on disk; `key` is a hash of lock, Node ABI (or Python tag), platform, libc and scripts flag. */
export interface InstalledTree {
  readonly key: string;
  readonly path: string;
  readonly resolved: ResolvedPackage;
  /** The program and its leading arguments, without the user's. */
  readonly program: { readonly file: string; readonly args: readonly string[] };
}

/** What the registries say of the packages that a tree is made of; of the rest nothing is known. */
export interface TreeSignatures {
  /** Packages of the tree, its own among them. */
  readonly total: number;
  /** Signed by their registry, as they were installed. */
  readonly verified: number;
  /** Signed otherwise than their registry signs, as `name@version`. */
  readonly forged: readonly string[];
}

export type PackagePhase = 'resolve' | 'install';

export interface PackageProgress {
  readonly phase: PackagePhase;
  readonly text: string;
}

export interface PackageOptions {
  readonly signal?: AbortSignal;
  readonly progress?: (progress: PackageProgress) => void;
}

export interface Packages {
  /** Rejects with `bad-input` for what is no package name or version, `resolve-failed` otherwise. */
  resolve(source: PackageSource, options?: PackageOptions): Promise<ResolvedPackage>;
  /** Finds or installs the tree; parallel calls for one package install once. `key` of an earlier call is honoured without network. Rejects with `install-failed`. */
  install(
    resolved: ResolvedPackage,
    options?: PackageOptions & { readonly key?: string },
  ): Promise<InstalledTree>;
  /** The final command of a server: the tree's program, then the user's arguments, with a clean environment plus `env`. `home` is the process's private home. */
  launch(
    tree: InstalledTree,
    input: {
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly home: string;
    },
  ): Launch;
  /** Looks up who has signed what the tree is made of; undefined where its registries do not sign, or nobody is to look. */
  signatures(tree: InstalledTree, signal: AbortSignal): Promise<TreeSignatures | undefined>;
  /** Removes trees that no key of `keep` names, oldest use first, while they exceed `maxBytes` or `maxAgeDays`. */
  collect(policy: {
    readonly keep: ReadonlySet<string>;
    readonly maxBytes: number;
    readonly maxAgeDays: number;
  }): Promise<{ removed: string[]; bytes: number }>;
}
