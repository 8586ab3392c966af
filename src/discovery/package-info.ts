/** Everything that is known of one package before it is run. What a registry does not say is `unknown`, which is not `no`. */
import type { Ecosystem } from '../packages/package.ts';
import type { Capability, McpVerdict } from './found.ts';
import type { DayDownloads } from './npm-registry.ts';

export type Known = 'yes' | 'no' | 'unknown';

export interface VersionInfo {
  readonly version: string;
  readonly published?: string;
  /** Why not to use it. */
  readonly deprecated?: string;
  /** Withdrawn by its publisher (PyPI); the reason, which may be empty. */
  readonly yanked?: string;
  readonly prerelease: boolean;
  /** Ranges of what it runs on, such as `{"node": ">=22"}` or `{"python": ">=3.10"}`. */
  readonly engines: Readonly<Record<string, string>>;
}

/** Who stands behind a package, as far as it shows. */
export interface OwnerInfo {
  /**
   * `verified`: package and registry entry name each other · `claimed`: only the package says so · `mismatch`: an entry lists the
   * package under a name that the package does not claim · `unknown`: neither.
   */
  readonly state: 'verified' | 'claimed' | 'mismatch' | 'unknown';
  /** What the package claims. */
  readonly mcpName?: string;
  /** Under which name a catalogue lists it, and which. */
  readonly listedAs?: string;
  readonly listedBy?: string;
}

export interface SimilarName {
  readonly name: string;
  readonly ecosystem: Ecosystem;
  readonly template: string;
  readonly why: string;
}

export interface PackageInfo {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  /** The version that all of this is about. */
  readonly version: string;
  /** Tags or the index's newest: name to version. */
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly license?: string;
  readonly author?: string;
  readonly maintainers: readonly string[];
  readonly homepage?: string;
  readonly repository?: string;
  /** Newest first in the order of the ecosystem. */
  readonly versions: readonly VersionInfo[];
  /** Name to range; absent where the registry does not say. */
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly engines: Readonly<Record<string, string>>;
  /** Its programs; absent where the registry does not say. */
  readonly programs?: readonly string[];
  /** Absent where the registry does not say. */
  readonly installScripts?: boolean;
  readonly deprecated: { readonly state: Known; readonly message?: string };
  readonly yanked: { readonly state: Known; readonly reason?: string };
  /** `yes`: the registry has a statement of where it was built. Berth does not check it. */
  readonly provenance: 'yes' | 'unknown';
  readonly downloads: { readonly lastMonth: number | 'unknown'; readonly days?: readonly DayDownloads[] };
  readonly mcp: McpVerdict;
  readonly owner: OwnerInfo;
  /** The template that runs it. */
  readonly template?: string;
  /** The template that succeeds it. */
  readonly replacedBy?: string;
  readonly similarNames: readonly SimilarName[];
  /** What a person would type: for display. */
  readonly install: string;
  /** The same with Berth. */
  readonly run: string;
  readonly unpackedBytes?: number;
  readonly integrity?: string;
  readonly published?: string;
  readonly registry: { readonly name: string; readonly capabilities: Readonly<Record<string, Capability>> };
  readonly ageSeconds: number;
  /** Why this is an older answer. */
  readonly stale?: string;
}
