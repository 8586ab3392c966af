/** What an inspection needs of whatever starts the package; implemented by `runtimes/inspection`. */
import type { BerthError } from '../errors.ts';
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { PodObservation } from '../supervisor/inspection-report.ts';
import type { Launch } from '../supervisor/launch.ts';
import type { InspectionPhase } from './report.ts';

export interface TrialStart {
  readonly launch: Launch;
  readonly tree: { readonly path: string; readonly program: { readonly file: string } };
  /** A folder of this run alone, and in it the home of the launch and a place for `/tmp`. */
  readonly folder: string;
  readonly home: string;
  readonly temporary: string;
  /** Values that are taken out of its words. */
  readonly secrets: readonly string[];
  /** The network of the machine instead of none. */
  readonly network: boolean;
  /** Without a sandbox. */
  readonly unsafe: boolean;
  readonly signal: AbortSignal;
}

export interface Observation {
  readonly report?: HandshakeReport;
  readonly offers: PodObservation['offers'];
  readonly failure?: BerthError;
  readonly phases: readonly InspectionPhase[];
  readonly peakMemoryBytes?: number;
  /** Absent when nobody could look. */
  readonly written?: {
    readonly files: readonly { readonly path: string; readonly bytes: number }[];
    readonly total: number;
  };
  /** Absent when nobody could watch. */
  readonly hosts?: readonly string[];
  readonly stderr: readonly string[];
}

export interface InspectionHost {
  /** Throws `not-allowed` with what to do when nothing here can contain a program. */
  checkSandbox(): Promise<void>;
  /** Starts it and watches it until it has told what it is. Rejects only with the signal's reason and with faults of our own. */
  observe(start: TrialStart): Promise<Observation>;
  /** Ends what still runs. Idempotent. */
  close(): Promise<void>;
}
