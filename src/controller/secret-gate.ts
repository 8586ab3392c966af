/** What the Secrets that a server names allow: whether pods may be made, and whether those that run may stay. */
import type { McpServer } from '../cluster/mcp-server.ts';
import { isOurSecret } from '../cluster/objects/naming.ts';
import type { EnvVar, Volume } from '../cluster/objects/pod-types.ts';
import type { Observed } from './cluster-api.ts';
import type { Plan } from './plan.ts';
import type { Problem } from './problem.ts';
import { secretNamesOf, secretsProblem } from './references.ts';
import { SPEC_ANNOTATION, specHash } from './rollout.ts';
import { CHECK_EVERY, CONFIRM_AFTER, type SecretCheck, type SeenSecret } from './secret-check.ts';

export interface SecretGate {
  /** Pods have a Secret that its owner has withdrawn, or made anew without releasing it: none of them may stay. */
  readonly isWithdrawn: boolean;
  /** A Secret is not there or not released: no pod more may be made. */
  readonly isHeld: boolean;
  readonly problem?: Problem;
  /** Milliseconds after which to look again: nobody is told when a Secret changes. */
  readonly again?: number;
}

const OPEN: SecretGate = { isWithdrawn: false, isHeld: false };

export async function lookAtSecrets(
  { server, observed }: { readonly server: McpServer; readonly observed: Observed },
  { owner, replicas }: Pick<Plan, 'owner' | 'replicas'>,
  check: SecretCheck | undefined,
): Promise<SecretGate> {
  if (!check || replicas === 0) return OPEN;
  const named = new Set(secretNamesOf(server.spec));
  const mounted = mountedBy(observed);
  const all = [...new Set([...named, ...mounted])];
  if (all.length === 0) return OPEN;
  const { deployment } = observed;
  const running = deployment?.spec.replicas ?? 0;
  const isNewVersion = deployment?.metadata.annotations?.[SPEC_ANNOTATION] !== specHash(server);
  const seen = await check.look(owner, all, { anew: replicas > running || isNewVersion });
  const isWithheld = ({ name, state }: SeenSecret): boolean => state === 'withheld' && mounted.has(name);
  const lacking = seen.filter((one) => one.state !== 'released' && (named.has(one.name) || isWithheld(one)));
  // What runs does not miss a Secret that is being made anew.
  const told = lacking.filter(({ state, isLasting }) => running === 0 || state === 'withheld' || isLasting);
  return {
    isWithdrawn: seen.some((one) => isWithheld(one) && one.isLasting),
    isHeld: lacking.some(({ name }) => named.has(name)),
    ...(told.length > 0 && { problem: secretsProblem(server, told) }),
    again: lacking.length > 0 ? CONFIRM_AFTER : CHECK_EVERY,
  };
}

/** By pods of whatever version that are not being ended, and by those that are about to be made. */
function mountedBy({ deployment, pods }: Observed): Set<string> {
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const specs: readonly MayMount[] = [
    ...staying.flatMap(({ spec }) => (spec ? [spec] : [])),
    ...(deployment && deployment.spec.replicas > 0 ? [deployment.spec.template.spec] : []),
  ];
  return new Set(specs.flatMap(secretsIn).filter((name) => !isOurSecret(name)));
}

interface MayMount {
  readonly volumes?: readonly Volume[];
  readonly initContainers?: readonly MayRead[];
  readonly containers?: readonly MayRead[];
}

interface MayRead {
  readonly env?: readonly EnvVar[];
}

function secretsIn({ volumes = [], initContainers = [], containers = [] }: MayMount): string[] {
  const files = volumes.flatMap(({ secret, projected }) => [
    ...(secret ? [secret.secretName] : []),
    ...(projected?.sources ?? []).flatMap((source) => ('secret' in source ? [source.secret.name] : [])),
  ]);
  const variables = [...initContainers, ...containers]
    .flatMap(({ env = [] }) => env)
    .flatMap((one) =>
      'valueFrom' in one && 'secretKeyRef' in one.valueFrom ? [one.valueFrom.secretKeyRef.name] : [],
    );
  return [...files, ...variables];
}
