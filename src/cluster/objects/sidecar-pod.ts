/** Replicas without processes of their own: an image that speaks HTTP beside the supervisor, or a server that runs elsewhere. */
import type { Blueprint, PodSettings, Sidecar } from './blueprint.ts';
import { caEnv, caMounts } from './ca.ts';
import { claimMounts, claimVolumes, homeMounts, homeVolumes } from './claim.ts';
import { PLACE, UID, WORKLOAD } from './places.ts';
import type { Container, EnvVar, Probe } from './pod-types.ts';
import { containerSecurity, serverImage } from './security.ts';
import type { PodParts } from './stdio-pod.ts';
import { supervisorContainer, supervisorVolumes } from './supervisor-container.ts';
import { workloadResources } from './workload-resources.ts';
import { writableMounts, writableVolumes } from './writable.ts';

/** Seconds that a program which has failed its checks has to end by itself. */
const LAST_SECONDS = 30;

/** The program is a native sidecar: it is told to end only after the supervisor has drained. */
export function sidecarPod(
  blueprint: Blueprint,
  program: Sidecar,
  rest: { settings: PodSettings; secret: string },
): PodParts {
  const { settings, secret } = rest;
  return {
    initContainers: [sidecar(blueprint, program, settings)],
    containers: [supervisorContainer(blueprint, settings)],
    volumes: [
      ...supervisorVolumes(blueprint, settings, secret),
      ...homeVolumes(blueprint, settings),
      { name: 'tmp', emptyDir: { sizeLimit: settings.scratchSize } },
      ...writableVolumes(program.image, settings),
      ...claimVolumes(blueprint),
    ],
  };
}

/** Nothing but the supervisor, which holds the connections. */
export function remotePod(blueprint: Blueprint, settings: PodSettings, secret: string): PodParts {
  return {
    initContainers: [],
    containers: [supervisorContainer(blueprint, settings)],
    volumes: supervisorVolumes(blueprint, settings, secret),
  };
}

function sidecar(blueprint: Blueprint, program: Sidecar, settings: PodSettings): Container {
  const { image } = program;
  return {
    name: WORKLOAD,
    ...serverImage(image, settings),
    restartPolicy: 'Always',
    securityContext: containerSecurity(image.runAsUser ?? UID.workload),
    ...(image.entrypoint && { command: image.entrypoint }),
    ...(blueprint.args.length > 0 && { args: blueprint.args }),
    env: [...caEnv(settings), ...envOf(blueprint)],
    resources: workloadResources(blueprint.resources, settings.resources.workload),
    volumeMounts: [
      ...homeMounts(blueprint),
      { name: 'tmp', mountPath: PLACE.tmp },
      ...writableMounts(image),
      ...claimMounts(blueprint, image),
      ...caMounts(settings),
    ],
    ...probesOf(program),
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function envOf({ env, secrets, configMaps }: Blueprint): EnvVar[] {
  return [
    { name: 'HOME', value: PLACE.home },
    ...env,
    ...secrets.map(({ name, secretKeyRef }) => ({ name, valueFrom: { secretKeyRef } })),
    ...configMaps.map(({ name, configMapKeyRef }) => ({ name, valueFrom: { configMapKeyRef } })),
  ];
}

/** Without a known path only the supervisor can tell, by shaking hands. */
function probesOf({
  healthPath,
  port,
}: Sidecar): Pick<Container, 'startupProbe' | 'livenessProbe' | 'readinessProbe'> {
  if (healthPath === undefined) return {};
  const probe = (more: Omit<Probe, 'httpGet' | 'timeoutSeconds'>): Probe => ({
    httpGet: { path: healthPath, port },
    timeoutSeconds: 5,
    ...more,
  });
  return {
    startupProbe: probe({ periodSeconds: 2, failureThreshold: 90 }),
    readinessProbe: probe({ periodSeconds: 5, failureThreshold: 3 }),
    livenessProbe: probe({
      periodSeconds: 10,
      failureThreshold: 3,
      // Not the drain of the pod: one that hangs would be waited for that long.
      terminationGracePeriodSeconds: LAST_SECONDS,
    }),
  };
}
