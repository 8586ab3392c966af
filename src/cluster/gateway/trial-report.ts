/** What a supervisor has seen of a package, as inspections have it everywhere. */
import { BerthError } from '../../errors.ts';
import type { Observation } from '../../inspection/host.ts';
import type { PodObservation } from '../../supervisor/inspection-report.ts';

/** Of hosts nothing is known: a pod has no way to watch what is asked of the cluster's name service. */
export function observationOf(seen: PodObservation): Observation {
  const { report, offers, failure, phases, peakMemoryBytes, written, stderr } = seen;
  return {
    ...(report && { report }),
    offers,
    ...(failure && { failure: toError(failure) }),
    phases,
    ...(peakMemoryBytes !== undefined && { peakMemoryBytes }),
    ...(written && { written }),
    stderr,
  };
}

/** What was seen is a failure, but none of the package's. */
export function untriedFor({ untried, failure }: PodObservation): BerthError | undefined {
  return untried && failure && toError(failure);
}

function toError({ code, message, ...details }: NonNullable<PodObservation['failure']>): BerthError {
  return new BerthError(code, message, details);
}
