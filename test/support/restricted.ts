/** The restricted level of Pod Security and what Berth asks beyond it, as a check over the plain object. */

interface AnyContainer {
  readonly name: string;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly mountPath: string; readonly name: string }[];
  readonly ports?: readonly { readonly hostPort?: number }[];
}

interface AnyPod {
  readonly [field: string]: unknown;
  readonly initContainers?: readonly AnyContainer[];
  readonly containers: readonly AnyContainer[];
  readonly ephemeralContainers?: readonly AnyContainer[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
}

const VOLUME_KINDS = [
  'configMap',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];
const HOST_FIELDS = ['hostNetwork', 'hostPID', 'hostIPC'];

/** What breaks the profile, in words; nothing when the pod keeps it. */
export function restrictedFaults(spec: unknown): string[] {
  const pod = spec as AnyPod;
  const containers = [...(pod.initContainers ?? []), ...pod.containers, ...(pod.ephemeralContainers ?? [])];
  return [
    ...HOST_FIELDS.filter((field) => pod[field]).map((field) => `${field} is set`),
    ...(pod.automountServiceAccountToken === false ? [] : ['a service account token is mounted']),
    ...(pod.enableServiceLinks === false ? [] : ['service links are on']),
    ...(pod.securityContext?.sysctls ? ['sysctls are set'] : []),
    ...(pod.volumes ?? []).flatMap(volumeFaults),
    ...containers.flatMap((one) => containerFaults(one, pod)),
  ];
}

function volumeFaults({ name, ...kinds }: Readonly<Record<string, unknown>>): string[] {
  const faults = Object.keys(kinds)
    .filter((kind) => !VOLUME_KINDS.includes(kind))
    .map((kind) => `volume ${name} is a ${kind}`);
  if (JSON.stringify(kinds).includes('serviceAccountToken')) faults.push(`volume ${name} holds a token`);
  if ('emptyDir' in kinds && !(kinds.emptyDir as { sizeLimit?: string }).sizeLimit)
    faults.push(`volume ${name} has no size limit`);
  return faults;
}

function containerFaults({ name, securityContext = {}, ports = [] }: AnyContainer, pod: AnyPod): string[] {
  const { capabilities, seccompProfile, runAsUser } = { ...pod.securityContext, ...securityContext } as {
    capabilities?: { add?: string[]; drop?: string[] };
    seccompProfile?: { type?: string };
    runAsUser?: number;
  };
  const checks: readonly (readonly [boolean, string])[] = [
    [securityContext.privileged === true, 'is privileged'],
    [securityContext.allowPrivilegeEscalation !== false, 'may gain privileges'],
    [securityContext.readOnlyRootFilesystem !== true, 'writes its root file system'],
    [securityContext.runAsNonRoot !== true, 'may run as root'],
    [runAsUser === undefined || runAsUser === 0, 'has no user of its own'],
    [!capabilities?.drop?.includes('ALL') || (capabilities.add ?? []).length > 0, 'keeps capabilities'],
    [
      seccompProfile?.type !== 'RuntimeDefault' && seccompProfile?.type !== 'Localhost',
      'has no seccomp profile',
    ],
    [
      securityContext.procMount !== undefined && securityContext.procMount !== 'Default',
      'sees more of /proc',
    ],
    [ports.some(({ hostPort }) => hostPort), 'takes a port of the node'],
  ];
  return checks.flatMap(([bad, text]) => (bad ? [`container ${name} ${text}`] : []));
}
