/** The Deployment of a server: its replicas, rolled one by one and never below what is wanted. */
import { DEPLOYMENTS, type KubeObject, type ObjectMeta, typed } from '../resources.ts';
import type { Blueprint, PodSettings } from './blueprint.ts';
import { besideItself } from './claim.ts';
import { childName, GENERATION_LABEL, labelsOf, metaOf, replicaLabels, secretName } from './naming.ts';
import type { PodTemplate } from './pod-types.ts';
import { basePod } from './security.ts';
import { remotePod, sidecarPod } from './sidecar-pod.ts';
import { type PodParts, stdioPod } from './stdio-pod.ts';

export interface Deployment extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly replicas: number;
    readonly revisionHistoryLimit: number;
    readonly progressDeadlineSeconds: number;
    readonly strategy: object;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: PodTemplate;
  };
  readonly status?: DeploymentStatus;
}

export interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
}

/** Asked for through the API or the command line; a change of it makes new pods. */
export const RESTARTED_AT = 'berth.dev/restarted-at';

/** On the Deployment: the tree that its pods run from, and what it was made of. */
export const TREE_ANNOTATION = 'berth.dev/tree';

const SPREAD_KEY = 'kubernetes.io/hostname';
/** Seconds beyond the time that a start may take before a roll-out counts as stuck. */
const SLACK_SECONDS = 60;
const START_SECONDS = 300;

export interface DeploymentInput {
  readonly blueprint: Blueprint;
  readonly settings: PodSettings;
  /** Of the Secret that its pods mount. */
  readonly generation: string;
  /** What the controller wants to know again. */
  readonly annotations: Readonly<Record<string, string>>;
}

export function deployment(input: DeploymentInput): Deployment {
  const { owner, replicas, behavior } = input.blueprint;
  const startSeconds = Math.ceil((behavior.limits.startTimeout ?? START_SECONDS * 1_000) / 1_000);
  return typed(DEPLOYMENTS, {
    metadata: metaOf(owner, childName(owner), { annotations: input.annotations }),
    spec: {
      replicas,
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: startSeconds + SLACK_SECONDS,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: replicaLabels(owner) },
      template: podTemplate(input),
    },
  });
}

function podTemplate({ blueprint, settings, generation }: DeploymentInput): PodTemplate {
  const { owner, drainSeconds, restartedAt } = blueprint;
  const { initContainers, containers, volumes } = partsOf(blueprint, settings, secretName(owner, generation));
  return {
    metadata: {
      labels: { ...labelsOf(owner), [GENERATION_LABEL]: generation },
      ...(restartedAt !== undefined && { annotations: { [RESTARTED_AT]: restartedAt } }),
    },
    spec: {
      ...basePod(childName(owner), settings),
      terminationGracePeriodSeconds: drainSeconds,
      ...(initContainers.length > 0 && { initContainers }),
      containers,
      volumes,
      ...besideItself(blueprint),
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: SPREAD_KEY,
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: replicaLabels(owner) },
        },
      ],
    },
  };
}

function partsOf(blueprint: Blueprint, settings: PodSettings, secret: string): PodParts {
  const { program } = blueprint;
  switch (program.kind) {
    case 'package':
    case 'script':
    case 'image':
      return stdioPod(blueprint, settings, secret);
    case 'sidecar':
      return sidecarPod(blueprint, program, { settings, secret });
    case 'remote':
      return remotePod(blueprint, settings, secret);
  }
}
