/** Follows a package that is tried, from its object to what the supervisor of its pod has seen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError, type ErrorCode, toBerthError } from '../../errors.ts';
import type { InspectOptions } from '../../inspection/inspections.ts';
import type { InspectionPhase } from '../../inspection/report.ts';
import type { PodInspection, PodObservation } from '../../supervisor/inspection-report.ts';
import type { McpServer } from '../mcp-server.ts';
import type { Tree } from '../objects/blueprint.ts';
import { TREE_ANNOTATION } from '../objects/deployment.ts';
import { childName } from '../objects/naming.ts';
import type { ClusterView } from './cluster-view.ts';
import { failureOf, isObserved } from './resource-state.ts';

type View = Pick<ClusterView, 'inspection' | 'replicas' | 'deployment'>;

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

/** Rejects with why it was not tried, with the signal's reason, and with `request-timeout`. */
export async function awaitTrial(
  view: View,
  trial: Trial,
  { signal, progress }: InspectOptions & { readonly signal: AbortSignal },
): Promise<TrialEnd> {
  const begun = Date.now();
  let there = false;
  let installed: number | undefined;
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
    const told = installed === undefined ? undefined : await ask(view, trial);
    if (told?.seen && installed !== undefined)
      return { seen: told.seen, phases: [{ phase: 'install', ms: installed - begun }] };
    // As long as the supervisor is there it knows better.
    if (resource && !told) throwFailure(resource);
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
  if (error.code !== 'busy') throw error;
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
