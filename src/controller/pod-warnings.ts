/**
 * What the cluster says of a pod whose containers it cannot make yet, or of an installer that it makes no pod for: volumes without their
 * Secrets, and quotas that are full for a Job, show nowhere but in Events.
 */
import type { ApiClient } from '../cluster/api-client.ts';
import { type EventObject, eventTimeOf } from '../cluster/objects/event.ts';
import type { Job } from '../cluster/objects/installer-job.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import { EVENTS, type KubeObject } from '../cluster/resources.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import type { Observed } from './cluster-api.ts';

export interface PodWarning {
  /** One CamelCase word of the cluster's. */
  readonly reason: string;
  readonly note: string;
}

export interface PodWarnings {
  /**
   * Of those with one of the `reasons`, by default what holds a pod up. Undefined when there is none, or it cannot be asked just now;
   * never rejects.
   */
  newest(
    object: KubeObject,
    signal: AbortSignal,
    reasons?: ReadonlySet<string>,
  ): Promise<PodWarning | undefined>;
}

/** Of a Job: its pod is refused. */
export const NOT_CREATED = 'FailedCreate';
/** Of all warnings, those of what comes before the first container. */
const HOLD_UP: ReadonlySet<string> = new Set([
  ...['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox'],
  NOT_CREATED,
]);
/** Milliseconds that a start may take to that point without anybody being asked. */
const PATIENCE = 3_000;
/** Milliseconds between looks at a pod that is held up: nothing of it changes when what it waits for comes or goes. */
const LOOK_AGAIN = 10_000;
/** Of one pod there are a few: what is said again is counted, not repeated. */
const MOST = 100;

/** `onFault` hears why Events could not be read. */
export function createPodWarnings(
  client: Pick<ApiClient, 'list'>,
  onFault: (error: BerthError) => void,
): PodWarnings {
  return {
    newest: async ({ metadata: { namespace, uid = '' } }, signal, reasons = HOLD_UP) => {
      try {
        const fieldSelector = `regarding.uid=${uid},type=Warning`;
        const selection = { namespace, fieldSelector, limit: MOST };
        const { items } = await client.list<EventObject>(EVENTS, selection, signal);
        const [newest] = items
          .filter(({ reason = '' }) => reasons.has(reason))
          .sort((a, b) => eventTimeOf(b) - eventTimeOf(a));
        return newest && { reason: newest.reason ?? '', note: newest.note?.trim() ?? '' };
      } catch (thrown) {
        if (!signal.aborted) onFault(toBerthError(thrown));
        return undefined;
      }
    },
  };
}

/** What holds replicas or installers up. */
export interface HeldUp {
  readonly warning?: PodWarning;
  /** Milliseconds after which to look again. */
  readonly again: number;
}

/** Undefined when nothing is held up. One speaks for all: pods of a server wait for the same. */
export async function lookAtHeldUp(
  { pods, installers, jobs }: Observed,
  { warnings, now }: { readonly warnings?: PodWarnings; readonly now: () => number },
  signal: AbortSignal,
): Promise<HeldUp | undefined> {
  const held = jobs.find((job) => hasNoPod(job, installers)) ?? [...pods, ...installers].find(isHeldUp);
  if (!held || !warnings) return undefined;
  const age = now() - (Date.parse(held.metadata.creationTimestamp ?? '') || 0);
  if (age < PATIENCE) return { again: Math.min(PATIENCE, PATIENCE - age) };
  const warning = await warnings.newest(held, signal);
  return { again: LOOK_AGAIN, ...(warning && { warning }) };
}

/** It has its node, and its volumes and its network are not there yet. */
function isHeldUp({ metadata, spec, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined || spec?.nodeName === undefined) return false;
  if (status?.phase !== 'Pending') return false;
  return (
    status.conditions?.some(
      ({ type, status: is }) => type === 'PodReadyToStartContainers' && is === 'False',
    ) === true
  );
}

/** It goes on, and has none yet. */
function hasNoPod(
  { metadata: { uid, deletionTimestamp }, status }: Job,
  installers: readonly Pod[],
): boolean {
  if (deletionTimestamp !== undefined) return false;
  if (status?.conditions?.some(({ type, status: is }) => type !== 'Suspended' && is === 'True')) return false;
  return !installers.some(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
}
