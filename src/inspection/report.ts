/** What came of trying a package before it is trusted. What could not be observed is the word `unknown`, never a guess. */
import type { Ecosystem, TreeSignatures } from '../packages/package.ts';
import type { Era } from '../supervisor/handshake-report.ts';

export type Json = Readonly<Record<string, unknown>>;
export type Unknown = 'unknown';

export interface InspectionReport {
  readonly v: 1;
  readonly inspectedAt: string;
  readonly platform: string;
  readonly result: 'passed' | 'failed';
  readonly template?: string;
  readonly package: {
    readonly ecosystem: Ecosystem;
    readonly name: string;
    readonly version: string;
    /** As the registry has it. */
    readonly integrity: string | Unknown;
  };
  readonly engine: {
    /** Ranges, as the package says. */
    readonly needs: Readonly<Record<string, string>> | Unknown;
    /** What it ran on. */
    readonly used: string;
  };
  /** `known`: the registry has a statement of where it was built; Berth does not check it. */
  readonly provenance: 'known' | Unknown;
  /** Of the registries, over what was installed; `unknown` where they do not sign. */
  readonly signatures: TreeSignatures | Unknown;
  readonly sandbox: {
    readonly kind: 'bubblewrap' | 'pod' | 'none';
    /** What it was to have: none, that of the machine, or public addresses (a pod's). */
    readonly network: 'none' | 'machine' | 'public';
    /** Of `none`: whether something holds it to that, as far as that was seen. */
    readonly enforced?: 'yes' | 'no' | Unknown;
  };
  readonly server?: {
    readonly name: string;
    readonly version: string;
    readonly protocolVersion: string;
    readonly eras: readonly Era[];
    readonly capabilities: Json;
  };
  /** Empty: it says that it has none. */
  readonly tools: readonly Json[] | Unknown;
  readonly prompts: readonly Json[] | Unknown;
  readonly resources: readonly Json[] | Unknown;
  readonly resourceTemplates: readonly Json[] | Unknown;
  readonly phases: readonly InspectionPhase[];
  /** Of its processes together, as far as they were seen. */
  readonly peakMemoryBytes: number | Unknown;
  readonly filesWritten:
    | {
        /** Left at the end in its home (`~`) and in `/tmp`, and in a pod in `/dev/shm`. */
        readonly files: readonly { readonly path: string; readonly bytes: number }[];
        readonly total: number;
        /** `none`: everything else could not be written. */
        readonly elsewhere: 'none' | Unknown;
      }
    | Unknown;
  readonly filesRead: Unknown;
  /** Host names that it asked for; nothing answered. */
  readonly hosts: readonly string[] | Unknown;
  /** Addresses that it went to without asking for a name. */
  readonly addresses: Unknown;
  /** Names of the variables and arguments that it was given made-up values for. */
  readonly inputs: readonly string[];
  /** Its first lines. */
  readonly stderr: readonly string[];
  readonly failure?: Json;
}

export interface InspectionPhase {
  readonly phase: 'resolve' | 'install' | 'sandbox' | 'start' | 'list';
  readonly ms: number;
}

export interface Inspection {
  readonly report: InspectionReport;
  /** A template in exactly this version; absent when the package did not come through. */
  readonly pinned?: { readonly slug: string; readonly server: Json };
}
