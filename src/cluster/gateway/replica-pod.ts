/** A pod as a replica of a server: whether it can be called, how loaded it is, where it is. */
import { INPUT_LABEL } from '../objects/naming.ts';
import type { ContainerPort } from '../objects/pod-types.ts';
import { linkPortOf } from '../pod-carrier.ts';
import type { KubeObject, ObjectMeta } from '../resources.ts';

export interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly { readonly name: string; readonly ports?: readonly ContainerPort[] }[];
    readonly initContainers?: readonly { readonly name: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: ContainerState;
  /** Before its last restart. */
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly running?: object;
  readonly waiting?: { readonly reason?: string };
  readonly terminated?: { readonly reason?: string };
}

export interface ReplicaPod {
  /** Uid of the MCPServer. */
  readonly server: string;
  /** Name of the MCPServer. */
  readonly serverName: string | undefined;
  /** Uid of the pod: what sealed ids name it by. */
  readonly name: string;
  readonly pod: string;
  readonly namespace: string;
  readonly address: string | undefined;
  /** Where its supervisor listens for links over the network, if it does. */
  readonly linkPort: number | undefined;
  /** Its supervisor runs: it can be called. */
  readonly running: boolean;
  /** It is on a node, and its supervisor is being started: the cluster says up to two seconds late that it runs. */
  readonly coming: boolean;
  /** It passes its probe. */
  readonly ready: boolean;
  /** It is to go: what it has goes on, nothing new begins there. */
  readonly leaving: boolean;
  /** As its controller last counted them. */
  readonly sessions: number;
}

/** On everything that is made for a server. */
export const SERVER_UID_LABEL = 'berth.dev/server-uid';
const SERVER_LABEL = 'berth.dev/server';
/** The container that is joined. */
export const SUPERVISOR = 'supervisor';
/** The controller keeps the number of sessions here, so that Kubernetes removes the emptiest replica first. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Undefined for a pod that is no replica of ours: an installer's, for one, has no supervisor to be reached. */
export function toReplicaPod(object: Pod): ReplicaPod | undefined {
  const { metadata, status = {} } = object;
  if (metadata.labels?.[INPUT_LABEL] !== undefined) return undefined;
  const server = metadata.labels?.[SERVER_UID_LABEL];
  const { uid, name, namespace } = metadata;
  if (server === undefined || uid === undefined || name === undefined || namespace === undefined)
    return undefined;
  return {
    server,
    serverName: metadata.labels?.[SERVER_LABEL],
    name: uid,
    pod: name,
    namespace,
    address: status.podIP,
    linkPort: linkPortOf(object),
    running: isRunning(status),
    coming: isComing(object),
    ready: status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    leaving: metadata.deletionTimestamp !== undefined,
    sessions: sessionsOf(metadata),
  };
}

function isRunning({ phase, containerStatuses = [] }: NonNullable<Pod['status']>): boolean {
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return containerStatuses.some(({ name, state }) => name === SUPERVISOR && state?.running !== undefined);
}

/** A container of the server itself was ended because it took more memory than it may. */
export function ranOutOfMemory({ status: { containerStatuses = [] } = {} }: Pod): boolean {
  return containerStatuses.some(
    ({ name, state, lastState }) =>
      name !== SUPERVISOR && [state, lastState].some((one) => one?.terminated?.reason === 'OOMKilled'),
  );
}

/** What kubelet says of a container that has not run yet, and that nothing is wrong with. */
const STARTING: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** One that is reached over the network has to have its address first. */
function isComing(pod: Pod): boolean {
  const { metadata, spec, status = {} } = pod;
  const { phase = 'Pending', podIP, containerStatuses = [] } = status;
  if (spec?.nodeName === undefined || metadata.deletionTimestamp !== undefined) return false;
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  if (podIP === undefined && linkPortOf(pod) !== undefined) return false;
  const state = containerStatuses.find(({ name }) => name === SUPERVISOR)?.state;
  return state === undefined || STARTING.has(state.waiting?.reason ?? '');
}

function sessionsOf({ annotations }: ObjectMeta): number {
  const count = Number(annotations?.[DELETION_COST] ?? 0);
  return Number.isFinite(count) ? count : 0;
}
