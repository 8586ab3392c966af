/** What the cluster says of a pod whose containers it cannot make yet: volumes without their Secrets show nowhere but in Events. */
import type { ApiClient } from '../cluster/api-client.ts';
import { type EventObject, eventTimeOf } from '../cluster/objects/event.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import { EVENTS } from '../cluster/resources.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import type { Observed } from './cluster-api.ts';

export interface PodWarning {
  /** One CamelCase word of the cluster's. */
  readonly reason: string;
  readonly note: string;
}

export interface PodWarnings {
  /** Undefined when there is none, or it cannot be asked just now; never rejects. */
  newest(pod: Pod, signal: AbortSignal): Promise<PodWarning | undefined>;
}

/** Of all warnings, those of what comes before the first container. */
const HOLD_UP: ReadonlySet<string> = new Set(['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox']);
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
    newest: async ({ metadata: { namespace, uid = '' } }, signal) => {
      try {
        const fieldSelector = `regarding.uid=${uid},type=Warning`;
        const selection = { namespace, fieldSelector, limit: MOST };
        const { items } = await client.list<EventObject>(EVENTS, selection, signal);
        const [newest] = items
          .filter(({ reason = '' }) => HOLD_UP.has(reason))
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

/** Undefined when no pod is held up. One speaks for all: those of a server wait for the same. */
export async function lookAtHeldUp(
  { pods, installers }: Observed,
  { warnings, now }: { readonly warnings?: PodWarnings; readonly now: () => number },
  signal: AbortSignal,
): Promise<HeldUp | undefined> {
  const pod = [...pods, ...installers].find(isHeldUp);
  if (!pod || !warnings) return undefined;
  const age = now() - (Date.parse(pod.metadata.creationTimestamp ?? '') || 0);
  if (age < PATIENCE) return { again: Math.min(PATIENCE, PATIENCE - age) };
  const warning = await warnings.newest(pod, signal);
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
