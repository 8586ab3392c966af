/** Ways to the supervisor of a pod: by exec, or over the network where the pod listens and we can show who we are. */
import type { Duplex } from 'node:stream';
import { connectTls } from '../link/tls-connect.ts';
import { supervisorName, type TlsIdentity } from '../link/tls-identity.ts';
import type { ExecCarrier } from './exec-carrier.ts';
import { LINK_PORT_NAME, LINK_SOCKET, SUPERVISOR } from './objects/places.ts';
import type { ContainerPort } from './objects/pod-types.ts';

export interface PodTarget {
  readonly namespace: string;
  readonly pod: string;
  /** Uid of the MCPServer, by which the certificate of its supervisors goes. */
  readonly server: string;
  readonly address: string | undefined;
  readonly linkPort: number | undefined;
}

export interface PodCarrierOptions {
  readonly exec: ExecCarrier;
  /** The certificate that we show; absent where links go by exec, undefined while we have none. */
  readonly identity?: () => TlsIdentity | undefined;
}

export type Carrier = 'exec' | 'network';

export interface PodCarrier {
  /** What the pod has decides, not what new ones get: a change of the setting rolls no server. */
  choose(target: Pick<PodTarget, 'address' | 'linkPort'>): Carrier;
  /** A new byte stream to the supervisor of a pod. Rejects with BerthError, or with the signal's reason. */
  connect(target: PodTarget, signal: AbortSignal): Promise<Duplex>;
}

export function createPodCarrier({ exec, identity }: PodCarrierOptions): PodCarrier {
  return {
    choose: ({ address, linkPort }) =>
      identity?.() && address !== undefined && linkPort !== undefined ? 'network' : 'exec',
    connect: ({ namespace, pod, server, address: host, linkPort: port }, signal) => {
      const own = identity?.();
      if (!own || host === undefined || port === undefined)
        return exec.connect({ namespace, pod, container: SUPERVISOR, socket: LINK_SOCKET }, signal);
      return connectTls({ address: { host, port }, peerName: supervisorName(server), identity: own, signal });
    },
  };
}

/** The port that a pod's supervisor listens at for links; undefined for one that is reached by exec alone. */
export function linkPortOf({
  spec,
}: {
  readonly spec?: {
    readonly containers?: readonly { readonly name: string; readonly ports?: readonly ContainerPort[] }[];
  };
}): number | undefined {
  const supervisor = spec?.containers?.find(({ name }) => name === SUPERVISOR);
  return supervisor?.ports?.find(({ name }) => name === LINK_PORT_NAME)?.containerPort;
}
