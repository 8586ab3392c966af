/** Whether a specification may be had in a cluster, as far as a gateway can say before anything is made. */
import { BerthError } from '../errors.ts';
import { withClusterSource } from './cluster-template.ts';
import { type PlanRules, planServer } from './server-plan.ts';
import type { ServerSpec } from './server-spec.ts';
import { workloadFaults } from './workload-rules.ts';

export interface WorkloadRules extends PlanRules {
  readonly allow: PlanRules['allow'] & { readonly images: boolean };
}

/** Throws `not-found` (template), `not-allowed`, `bad-input` or `missing-input`. The controller has the last word. */
export function checkWorkload(given: ServerSpec, rules: WorkloadRules): void {
  const spec = withClusterSource(given, rules.templates);
  const { image, archon, script } = spec.source ?? {};
  if (image && !rules.allow.images) throw imagesForbidden();
  const faults = workloadFaults(spec);
  const [first] = faults;
  if (first) throw new BerthError('bad-input', `${first.pointer} ${first.detail}`, { fields: faults });
  if (image || archon || script) return;
  planServer(withoutWorkload(spec), {
    ...rules,
    configNames: Object.keys(spec.configMaps ?? {}),
    inCluster: true,
  });
}

/** As one machine would be asked for it. */
function withoutWorkload(spec: ServerSpec): ServerSpec {
  const {
    transport,
    port,
    replicas,
    suspend,
    resources,
    network,
    placement,
    configMaps,
    persistence,
    dependencies,
    ...rest
  } = spec;
  const { drain: _drain, sleep: _sleep, ...limits } = rest.limits;
  return { ...rest, limits };
}

function imagesForbidden(): BerthError {
  return new BerthError('not-allowed', 'container images are not allowed here (allow.images=false)', {
    hint: 'An operator has to set allow.images=true in the values of the chart, and name the image in servers.allowedImages.',
  });
}
