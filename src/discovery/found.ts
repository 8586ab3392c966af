/**
 * Discovery: where a server can be found. Providers are asked side by side, each with a deadline and a failure of its own, and
 * what they found is one list in which the same server stands once. This file has the words.
 */
import type { BerthError } from '../errors.ts';
import type { Ecosystem } from '../packages/package.ts';

/** Whether a package is an MCP server: what speaks for it, in words. */
export interface McpVerdict {
  /** `yes`: it says so itself or a catalogue lists it · `likely`: its name or its words · `unknown`: nothing shows it. */
  readonly verdict: 'yes' | 'likely' | 'unknown';
  readonly reasons: readonly string[];
}

/** One thing that was found. */
export interface Found {
  readonly kind: 'template' | 'package' | 'remote';
  /** What `berth run` takes. */
  readonly reference: string;
  readonly title: string;
  readonly description: string;
  readonly package?: { readonly ecosystem: Ecosystem; readonly name: string; readonly version?: string };
  /** Slug of the template that runs it. */
  readonly template?: string;
  /** Slug of the template that succeeds it. */
  readonly replacedBy?: string;
  /** Its name in an MCP registry. */
  readonly registryName?: string;
  readonly remote?: { readonly url: string; readonly type: string };
  readonly mcp: McpVerdict;
  readonly keywords?: readonly string[];
  readonly maintainers?: readonly string[];
  readonly category?: string;
  /** Of the last month. */
  readonly downloads?: number;
  readonly updated?: string;
  /** Why not to use it any more. */
  readonly deprecated?: string;
  /** How well it fits by the place's own search, 0 to 1 for its best; only of the catalogue, which searches better than words. */
  readonly relevance?: number;
}

/** A {@link Found} in the merged list. */
export interface Result extends Found {
  /** Every provider that knows it. */
  readonly providers: readonly string[];
}

/** `unknown` until a provider has been asked. */
export type Capability = boolean | 'unknown';

/** How one provider did. */
export interface ProviderReport {
  readonly name: string;
  /** `stale`: it failed, and what it said before is shown · `preparing`: it will answer later · `off`: it was not asked. */
  readonly state: 'ok' | 'stale' | 'failed' | 'unsupported' | 'preparing' | 'off';
  readonly count: number;
  readonly tookMs: number;
  /** How old its answer is; absent when it holds none. */
  readonly ageSeconds?: number;
  readonly capabilities: Readonly<Record<string, Capability>>;
  /** What to know about its state, in words. */
  readonly message?: string;
  /** Beside `ok`: why something may be missing. */
  readonly failure?: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly reason?: unknown;
    readonly retryAfterSeconds?: unknown;
  };
}

/** What a provider answers. */
export interface ProviderAnswer {
  readonly found: readonly Found[];
  readonly state?: 'ok' | 'unsupported' | 'preparing' | 'off';
  readonly message?: string;
  readonly ageMs?: number;
  /** Why the answer is an old one. */
  readonly stale?: BerthError;
  /** Why the answer is only a part. */
  readonly partial?: BerthError;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  /** Ask again although an answer is kept. */
  readonly refresh: boolean;
  readonly limit: number;
}

/** A place that can be searched. */
export interface Provider {
  readonly name: string;
  /** Milliseconds. */
  readonly deadline: number;
  /** What it is known to be able to do. */
  capabilities(): Readonly<Record<string, Capability>>;
  /** Rejects with what is shown beside the other providers' results. */
  ask(query: Query, options: AskOptions): Promise<ProviderAnswer>;
}

/** What somebody typed. */
export interface Query {
  /** As typed, trimmed. */
  readonly text: string;
  /** Words in lower case that mean something; empty to browse. */
  readonly words: readonly string[];
  /** npm's own: `maintainer:`, `author:`, `keywords:`, `scope:`; and `classifier:`. */
  readonly qualifiers: ReadonlyMap<string, string>;
  /** What was typed, when it can be a package's name. */
  readonly exact?: { readonly ecosystem?: Ecosystem; readonly name: string };
}
