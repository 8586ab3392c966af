/** The folder of a server that stays: the claim that is made for it, and how its pods mount it. */
import { BerthError } from '../../errors.ts';
import type { ImageEntry, Persistence, Placement } from '../mcp-server.ts';
import { CLAIMS, type KubeObject, type ObjectMeta, typed } from '../resources.ts';
import type { Blueprint, Owner, PodSettings } from './blueprint.ts';
import { childName, metaOf, replicaLabels } from './naming.ts';
import { PLACE } from './places.ts';
import type { Volume, VolumeMount } from './pod-types.ts';
import { isTaken } from './writable.ts';

export interface Claim extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
    readonly storageClassName?: string;
  };
  readonly status?: {
    readonly phase?: string;
    readonly capacity?: { readonly storage?: string };
  };
}

const SIZE = '1Gi';
const MOUNT_PATH = '/data';
const NAME = 'data';
/** In the specification, for no class at all. */
const NO_CLASS = '-';
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const HOST = 'kubernetes.io/hostname';

type Kept = Pick<Blueprint, 'persistence'>;

/** Of the claim that is made for a server; another server of that name later finds it again. */
export function claimName(owner: Pick<Owner, 'name'>): string {
  return `${childName(owner)}-data`;
}

/** Of the claim that its pods mount. */
export function mountedClaim(owner: Pick<Owner, 'name'>, { existingClaim }: Persistence): string {
  return existingClaim ?? claimName(owner);
}

/** The claim that is to be made. One that is to be kept belongs to nobody whose end would take it along. */
export function claim(owner: Owner, given: Persistence): Claim {
  const { size = SIZE, storageClass, accessMode = 'ReadWriteOnce', annotations } = given;
  const { ownerReferences, ...meta } = metaOf(owner, claimName(owner), {
    ...(annotations && { annotations }),
  });
  return typed(CLAIMS, {
    metadata: {
      ...meta,
      ...(given.whenDeleted === 'Delete' && ownerReferences && { ownerReferences }),
    },
    spec: {
      accessModes: [accessMode],
      resources: { requests: { storage: size } },
      ...(storageClass !== undefined && { storageClassName: storageClass === NO_CLASS ? '' : storageClass }),
    },
  });
}

/** Of the workload's container; none for a server without. Throws `bad-input` for a folder that is not the server's. */
export function claimMounts({ persistence }: Kept, image?: ImageEntry): VolumeMount[] {
  if (!persistence) return [];
  const { subPath, accessMode } = persistence;
  const mountPath = folderOf(persistence);
  if (mountPath !== PLACE.home && isTaken(mountPath)) throw notTheServers(mountPath);
  if (image?.writablePaths?.some((path) => trimmed(path) === mountPath)) throw twice(mountPath);
  return [
    {
      name: NAME,
      mountPath,
      ...(subPath !== undefined && { subPath }),
      ...(accessMode === 'ReadOnlyMany' && { readOnly: true }),
    },
  ];
}

export function claimVolumes({ owner, persistence }: Kept & Pick<Blueprint, 'owner'>): Volume[] {
  if (!persistence) return [];
  const claimName = mountedClaim(owner, persistence);
  const readOnly = persistence.accessMode === 'ReadOnlyMany' && { readOnly: true as const };
  return [{ name: NAME, persistentVolumeClaim: { claimName, ...readOnly } }];
}

/** The home of the processes goes with the pod, unless the claim is mounted there. */
export function homeMounts(kept: Kept): VolumeMount[] {
  return isHome(kept) ? [] : [{ name: 'home', mountPath: PLACE.home }];
}

/** The volume behind {@link homeMounts}. */
export function homeVolumes(kept: Kept, { scratchSize }: Pick<PodSettings, 'scratchSize'>): Volume[] {
  return isHome(kept) ? [] : [{ name: 'home', emptyDir: { sizeLimit: scratchSize } }];
}

/** Where files go that a template keeps in the home of its server: into what stays, where something stays. */
export function keptFolder({ persistence }: Kept): string {
  return persistence && persistence.accessMode !== 'ReadOnlyMany' ? folderOf(persistence) : PLACE.home;
}

/**
 * A volume of one node is where its pod is. A new version that came up elsewhere would wait for the volume that the old one
 * holds, and the old one for it.
 */
export function besideItself({ owner, persistence, placement }: Blueprint): Placement {
  if (!persistence || (persistence.accessMode ?? 'ReadWriteOnce') !== 'ReadWriteOnce') return placement;
  const { affinity = {} } = placement;
  const podAffinity = (affinity.podAffinity ?? {}) as Readonly<Record<string, unknown>>;
  const required = (podAffinity[REQUIRED] ?? []) as readonly object[];
  const beside = { labelSelector: { matchLabels: replicaLabels(owner) }, topologyKey: HOST };
  return {
    ...placement,
    affinity: { ...affinity, podAffinity: { ...podAffinity, [REQUIRED]: [...required, beside] } },
  };
}

function isHome({ persistence }: Kept): boolean {
  return persistence !== undefined && folderOf(persistence) === PLACE.home;
}

function folderOf({ mountPath = MOUNT_PATH }: Persistence): string {
  return trimmed(mountPath);
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '') || '/';
}

function notTheServers(path: string): BerthError {
  return new BerthError('bad-input', `${path} cannot be the folder of a server`, {
    fields: [{ pointer: '/persistence/mountPath', detail: 'may not be a folder of the pod itself' }],
  });
}

function twice(path: string): BerthError {
  return new BerthError('bad-input', `${path} is one of the writablePaths already`, {
    fields: [{ pointer: '/persistence/mountPath', detail: 'is one of the writablePaths of the image' }],
    hint: 'Leave it out of writablePaths: what stays can be written.',
  });
}
