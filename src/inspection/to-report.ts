/** From what was seen of a package to what is told of it. */
import type { PackageInfo } from '../discovery/package-info.ts';
import { errorData, toBerthError } from '../errors.ts';
import type { ResolvedPackage, TreeSignatures } from '../packages/package.ts';
import type { Observation } from './host.ts';
import type { CompletedSpec } from './inspection-spec.ts';
import type { InspectionPhase, InspectionReport, Unknown } from './report.ts';

export interface Outcome {
  readonly completed: Pick<CompletedSpec, 'spec' | 'madeUp'>;
  readonly package: Pick<ResolvedPackage, 'ecosystem' | 'name' | 'version' | 'integrity'>;
  /** System and processor that it ran on. */
  readonly platform: string;
  /** What it ran on. */
  readonly engine: string;
  readonly sandbox: InspectionReport['sandbox'];
  readonly observed: Observation;
  /** Whether it could have left files that nobody has looked for. */
  readonly elsewhere: 'none' | Unknown;
  /** What its registry says of it. */
  readonly about: PackageInfo | undefined;
  readonly signatures: TreeSignatures | undefined;
  /** Those before it was started. */
  readonly phases: readonly InspectionPhase[];
}

export function toReport(outcome: Outcome): InspectionReport {
  const { completed, observed, about, signatures, sandbox } = outcome;
  const { ecosystem, name, version, integrity } = outcome.package;
  const { report, offers, failure, written, stderr } = observed;
  const { template } = completed.spec;
  const listed = (list: keyof Observation['offers'], capability: string) =>
    offers[list] ?? (report && !(capability in report.capabilities) ? [] : 'unknown');
  return {
    v: 1,
    inspectedAt: new Date().toISOString(),
    platform: outcome.platform,
    result: failure ? 'failed' : 'passed',
    ...(template !== undefined && { template }),
    package: { ecosystem, name, version, integrity: integrity ?? about?.integrity ?? 'unknown' },
    engine: { needs: about?.engines ?? 'unknown', used: outcome.engine },
    provenance: about?.provenance === 'yes' ? 'known' : 'unknown',
    signatures:
      signatures && (signatures.verified > 0 || signatures.forged.length > 0) ? signatures : 'unknown',
    sandbox,
    ...(report && {
      server: {
        ...report.serverInfo,
        protocolVersion: report.protocolVersion,
        eras: report.eras ?? [],
        capabilities: report.capabilities,
      },
    }),
    tools: listed('tools', 'tools'),
    prompts: listed('prompts', 'prompts'),
    resources: listed('resources', 'resources'),
    resourceTemplates: listed('resourceTemplates', 'resources'),
    phases: [...outcome.phases, ...observed.phases],
    peakMemoryBytes: observed.peakMemoryBytes ?? 'unknown',
    filesWritten: written ? { ...written, elsewhere: outcome.elsewhere } : 'unknown',
    filesRead: 'unknown',
    hosts: observed.hosts ?? 'unknown',
    addresses: 'unknown',
    inputs: completed.madeUp,
    stderr,
    ...(failure && { failure: { message: failure.message, ...errorData(toBerthError(failure)) } }),
  };
}
