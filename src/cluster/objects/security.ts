/** The restricted profile of Pod Security, and beyond it a root file system that nobody writes. */
import type { ImageEntry } from '../mcp-server.ts';
import type { PodSettings } from './blueprint.ts';
import { UID } from './places.ts';
import type { Container, ContainerSecurity, PodSecurity, PodSpec } from './pod-types.ts';

/** Of a container that runs under `user`. */
export function containerSecurity(user: number): ContainerSecurity {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: user,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

const POD_SECURITY: PodSecurity = {
  runAsNonRoot: true,
  runAsUser: UID.workload,
  runAsGroup: UID.workload,
  fsGroup: UID.shared,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
};

/** What every pod has in common: no token, no rights, nothing of its neighbours in its environment. */
export function basePod(
  account: string,
  settings: PodSettings,
): Omit<PodSpec, 'containers' | 'volumes' | 'terminationGracePeriodSeconds'> {
  const { pullSecrets, hostUsers, priorityClass, runtimeClass } = settings;
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(hostUsers !== undefined && { hostUsers }),
    ...(priorityClass && { priorityClassName: priorityClass }),
    ...(runtimeClass && { runtimeClassName: runtimeClass }),
    ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
    securityContext: POD_SECURITY,
  };
}

/** The image of a server's own, and how it is pulled. */
export function serverImage(
  { image, pullPolicy }: ImageEntry,
  settings: PodSettings,
): Pick<Container, 'image' | 'imagePullPolicy'> {
  return { image, imagePullPolicy: pullPolicy ?? settings.pullPolicy };
}

/** A container of one of our own images. */
export function ownContainer(
  name: string,
  image: 'supervisor' | 'runner',
  settings: PodSettings,
): Pick<Container, 'name' | 'image' | 'imagePullPolicy' | 'securityContext'> {
  return {
    name,
    image: settings.images[image],
    imagePullPolicy: settings.pullPolicy,
    securityContext: containerSecurity(image === 'supervisor' ? UID.supervisor : UID.workload),
  };
}
