/** What nothing uses any more is removed. */
import type { Generation } from '../cluster/objects/config-secret.ts';
import { GENERATION_LABEL, isGeneration, linkSecretName, secretName } from '../cluster/objects/naming.ts';
import type { Applier } from './applier.ts';
import type { Observed } from './cluster-api.ts';
import { type Install, removeInstallers } from './install.ts';
import { recordedTree } from './installation.ts';
import type { Plan } from './plan.ts';
import { isSettled } from './rollout.ts';
import type { SecretLedger } from './secrets.ts';
import type { ControllerSettings } from './settings.ts';
import { usedLinkPort } from './supervisor-certificate.ts';

export interface TidyInput {
  readonly ledger: SecretLedger;
  readonly tools: { readonly applier: Applier; readonly settings: ControllerSettings };
  /** The generation that has just been made. */
  readonly made?: Generation;
  readonly install?: Install | undefined;
}

/** Removes generations of Secrets without pods, and installers that are done. */
export async function tidy(
  { observed }: { readonly observed: Observed },
  { owner }: Pick<Plan, 'owner'>,
  { ledger, tools, made, install }: TidyInput,
): Promise<void> {
  const installing = install && isNeeded(install, observed) ? installerOf(install, observed) : [];
  await removeInstallers(observed, { applier: tools.applier, keep: installing });
  const generations = usedGenerations(observed, made).map((one) => secretName(owner, one));
  const listens = tools.settings.pods.linkPort ?? usedLinkPort(observed);
  const certificate = listens === undefined ? [] : [linkSecretName(owner)];
  const kept = isRolling(observed) ? [...ledger.known].filter((name) => isGeneration(owner, name)) : [];
  await ledger.keepOnly(new Set([...generations, ...kept, ...installing, ...certificate]));
}

function usedGenerations({ deployment, pods }: Observed, made: Generation | undefined): string[] {
  const used = [
    deployment?.spec.template.metadata.labels?.[GENERATION_LABEL],
    ...pods.map(({ metadata }) => metadata.labels?.[GENERATION_LABEL]),
    made?.name,
  ];
  return used.flatMap((one) => (one === undefined ? [] : [one]));
}

/** More than one version may have pods: one that has none just now gets some again when its last one was lost. */
function isRolling({ deployment }: Observed): boolean {
  return deployment !== undefined && !isSettled(deployment);
}

/** A Job is kept until the Deployment is seen to have its result: the one may be seen before the other. */
function isNeeded(install: Install, { deployment }: Observed): boolean {
  return install.state !== 'done' || recordedTree(deployment)?.tree.digest !== install.installed.tree.digest;
}

/** Names of the Job, which its Secret has too. */
function installerOf(install: Install, { jobs }: Observed): string[] {
  return install.state === 'done' ? jobs.map(({ metadata }) => metadata.name ?? '') : [install.job];
}
