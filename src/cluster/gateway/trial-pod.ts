/** Follows a package that is tried, from its object to what the supervisor of its pod has seen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError, type ErrorCode, toBerthError } from '../../errors.ts';
import type { InspectOptions } from '../../inspection/inspections.ts';
import type { InspectionPhase } from '../../inspection/report.ts';
import { isUnknownQuestion } from '../../link/question.ts';
import type { PodInspection, PodObservation } from '../../supervisor/inspection-report.ts';
import type { McpServer } from '../mcp-server.ts';
import type { Tree } from '../objects/blueprint.ts';
import { TREE_ANNOTATION } from '../objects/deployment.ts';
import { childName } from '../objects/naming.ts';
import type { ClusterView } from './cluster-view.ts';
import { type Pod, ranOutOfMemory } from './replica-pod.ts';
import { failureOf, isObserved } from './resource-state.ts';
import { untriedFor } from './trial-report.ts';

type View = Pick<ClusterView, 'inspection' | 'replicas' | 'podsOf' | 'deployment'>;

export interface Trial {
  /** Of its object. */
  readonly name: string;
  readonly uid: string;
  /** Milliseconds since 1970 at which it is given up. */
  readonly until: number;
  /** Milliseconds between looks at what is known anyway. */
  readonly every: number;
}

export interface TrialEnd {
  readonly seen: PodObservation;
  /** Those before the supervisor. */
  readonly phases: readonly InspectionPhase[];
}

/** Questions without an answer, one after the other, until the status counts though the supervisor was heard before. */
const MISSED = 5;
/** Milliseconds in which the cluster says why a container has ended. */
const REASON_WITHIN = 10_000;
const MORE_MEMORY =
  'It took more memory than its container may have, which the operator of the cluster sets.';

/** Rejects with why it was not tried, with the signal's reason, and with `request-timeout`. */
export async function awaitTrial(
  view: View,
  trial: Trial,
  { signal, progress }: InspectOptions & { readonly signal: AbortSignal },
): Promise<TrialEnd> {
  const begun = Date.now();
  let there = false;
  let installed: number | undefined;
  let told: PodInspection | undefined;
  let heard = false;
  let missed = 0;
  let seenAt: number | undefined;
  let said = '';
  const say = (phase: InspectionPhase['phase'], text: string): void => {
    if (text !== said) progress?.(phase, text);
    said = text;
  };
  for (;;) {
    signal.throwIfAborted();
    const resource = view.inspection(trial.name);
    if (there && !resource) throw new BerthError('stopped', 'the package was removed while it was tried');
    there ||= resource !== undefined;
    // Before there is a tree its only pods are those of its installer.
    if (treeOf(view, trial.name)) installed ??= Date.now();
    told = told?.seen || installed === undefined ? told : await ask(view, trial);
    if (told?.seen && installed !== undefined) {
      const untried = untriedFor(told.seen);
      if (untried) throw untried;
      seenAt ??= Date.now();
      const seen = explained(told.seen, view.podsOf(trial.uid));
      if (seen.failure?.reason || !needsReason(seen) || Date.now() - seenAt >= REASON_WITHIN)
        return { seen, phases: [{ phase: 'install', ms: installed - begun }] };
    }
    heard ||= told !== undefined;
    missed = told ? 0 : missed + 1;
    // As long as the supervisor is there it knows better, also when a question of ours is lost.
    const gone = !heard || missed >= MISSED || view.replicas.of(trial.uid).length === 0;
    if (resource && !told && gone) throwFailure(resource);
    if (told?.state === 'trying') say('start', 'starting it in a pod of its own');
    else if (resource && isObserved(resource)) say('install', resource.status?.message ?? '');
    if (Date.now() >= trial.until) throw tooLate(resource);
    await sleep(trial.every, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Undefined while its pod cannot be asked. */
async function ask({ replicas }: View, { uid }: Trial): Promise<PodInspection | undefined> {
  replicas.reach(uid);
  for (const { name } of replicas.of(uid)) {
    const link = replicas.replica(uid, name);
    const told = await link?.ask?.({ what: 'inspection', server: uid }).catch(unlessAway);
    if (told) return told as PodInspection;
  }
  return undefined;
}

/** A link that cannot be made, or broke: the pod itself says why, or is asked again. */
function unlessAway(thrown: unknown): undefined {
  const error = toBerthError(thrown);
  if (isUnknownQuestion(error))
    throw new BerthError('busy', 'the supervisor of its pod is of a version that tries no packages', {
      hint: 'The cluster is being upgraded: try again when that is done.',
    });
  if (error.code !== 'busy') throw error;
}

/** Why its container has ended only the cluster can tell. */
function needsReason({ containerLost, failure }: PodObservation): boolean {
  return containerLost === true && failure !== undefined;
}

function explained(seen: PodObservation, pods: readonly Pod[]): PodObservation {
  if (!seen.failure || !needsReason(seen) || !pods.some(ranOutOfMemory)) return seen;
  return { ...seen, failure: { ...seen.failure, reason: 'OutOfMemory', hint: MORE_MEMORY } };
}

/** By the reason that its status has. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ResolveFailed: 'resolve-failed',
  InstallFailed: 'install-failed',
  InstallTimeout: 'install-failed',
  NotAllowed: 'not-allowed',
  MissingInput: 'missing-input',
  TemplateNotFound: 'not-found',
  InvalidSpec: 'bad-input',
};

function throwFailure(resource: McpServer): void {
  const failure = failureOf(resource);
  if (!failure) return;
  const { reason = '' } = resource.status ?? {};
  throw new BerthError(CODES[reason] ?? failure.code, failure.message, {
    ...failure.details,
    hint: failure.hint,
  });
}

function tooLate(resource: McpServer | undefined): BerthError {
  const { message = 'the controller has not looked at it', hint } = resource?.status ?? {};
  return new BerthError('request-timeout', `the package could not be tried in time: ${message}`, {
    ...(hint !== undefined && { hint }),
  });
}

/** What was installed, as the controller wrote it down; undefined while nothing was. */
export function treeOf(view: Pick<View, 'deployment'>, name: string): Tree | undefined {
  const text = view.deployment(childName({ name }))?.metadata.annotations?.[TREE_ANNOTATION];
  try {
    return text === undefined ? undefined : (JSON.parse(text) as { readonly tree?: Tree }).tree;
  } catch {
    return undefined;
  }
}
