/** What a supervisor tells of a package that its pod was made to try. */
import type { HandshakeReport } from './handshake-report.ts';
import type { FailureReport } from './server-report.ts';

/** `fetching`: its tree is being brought. `trying`: it is started and asked. `done`: nothing of it runs any more. */
export interface PodInspection {
  readonly state: 'fetching' | 'trying' | 'done';
  /** Once it is done. */
  readonly seen?: PodObservation;
}

type Json = Readonly<Record<string, unknown>>;

/** What could not be seen is absent. */
export interface PodObservation {
  readonly platform: string;
  /** What it ran on, such as `Node 24.1.0`. */
  readonly engine?: string;
  /** Whether the network of the pod is held to its policy. */
  readonly isolation: Isolation;
  readonly report?: HandshakeReport;
  readonly offers: {
    readonly tools?: readonly Json[];
    readonly prompts?: readonly Json[];
    readonly resources?: readonly Json[];
    readonly resourceTemplates?: readonly Json[];
  };
  readonly failure?: FailureReport;
  /** It was not started: the failure is none of the package's. */
  readonly untried?: true;
  /** Its container ended meanwhile, as it does when it takes more memory than it may. */
  readonly containerLost?: true;
  readonly phases: readonly { readonly phase: 'sandbox' | 'start' | 'list'; readonly ms: number }[];
  /** Of its container. */
  readonly peakMemoryBytes?: number;
  readonly written?: LeftFiles;
  /** Its first lines, scrubbed. */
  readonly stderr: readonly string[];
}

export type Isolation = 'yes' | 'no' | 'unknown';

/** By path; the first of `total`. */
export interface LeftFiles {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly total: number;
}
