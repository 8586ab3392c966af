/** Trying packages, wherever they are started for that; and what may be tried. */
import { BerthError } from '../errors.ts';
import type { PackagePlan, PlanRules } from '../servers/server-plan.ts';
import { planServer } from '../servers/server-plan.ts';
import type { CompletedSpec, InspectionRequest } from './inspection-spec.ts';
import type { Inspection, InspectionPhase } from './report.ts';

export interface InspectOptions {
  readonly signal?: AbortSignal;
  /** Told how far it has come. */
  readonly progress?: (phase: InspectionPhase['phase'], text: string) => void;
}

export interface Inspections {
  /**
   * What a package does is the result, also when it does not start. Rejects with what keeps it from being tried at all: `bad-input`,
   * `not-found`, `not-allowed` (a gate, or nothing here that can contain it), `resolve-failed`, `install-failed`.
   */
  inspect(request: InspectionRequest, options?: InspectOptions): Promise<Inspection>;
  /** Gives up what is under way. Idempotent. */
  close(): Promise<void>;
}

/** Throws as `planServer`, and `bad-input` for what is no package. */
export function planInspection({ spec }: Pick<CompletedSpec, 'spec'>, rules: PlanRules): PackagePlan {
  const { image, archon, script } = spec.source ?? {};
  if (image || archon || script)
    throw new BerthError('bad-input', 'only packages can be tried, and templates of packages', {
      fields: [{ pointer: '/source', detail: 'must be npm or pypi' }],
    });
  const plan = planServer(spec, rules);
  if (!plan.remote) return plan;
  throw new BerthError('bad-input', 'a remote server runs elsewhere: there is nothing to start here', {
    hint: 'Only what it offers can be seen: berth run it, then berth tools.',
  });
}
