/** A gateway in the test's own program that reaches its servers as one in the cluster does, by either carrier. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { createExecCarrier } from '../../../src/cluster/exec-carrier.ts';
import { type Carrier, createPodCarrier } from '../../../src/cluster/pod-carrier.ts';
import { createSocketLink } from '../../../src/link/socket-link.ts';
import type { TlsIdentity } from '../../../src/link/tls-identity.ts';
import { startFront } from '../../support/gateway.ts';
import type { RunningPod } from './server-pod.ts';

export interface PodGateway {
  readonly port: number;
  /** `http://127.0.0.1:PORT/servers/name`. */
  url(name: string): string;
  /** Whether the link to each pod is up, by its name. */
  isUp(pod: string): boolean;
  /** How often the link to each pod broke, by its name. */
  breaks(pod: string): number;
  close(): Promise<void>;
}

export interface PodGatewayOptions {
  readonly access: ClusterAccess;
  readonly namespace: string;
  readonly pods: readonly RunningPod[];
  /** What it shows to pods that listen; without, it goes by exec. */
  readonly identity?: () => TlsIdentity;
}

export async function startPodGateway(options: PodGatewayOptions): Promise<PodGateway> {
  const { access, namespace, pods, identity } = options;
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-pods-'));
  const exec = createExecCarrier({ access });
  const carrier = createPodCarrier({ exec, ...(identity && { identity }) });
  const instance = randomUUID();
  const up = new Set<string>();
  const broken = new Map<string, number>();
  const wanted: Carrier = identity ? 'network' : 'exec';
  const servers = pods.map(({ definition, pod, address, linkPort }) => {
    const target = { namespace, pod, server: definition.id, address, linkPort };
    if (carrier.choose(target) !== wanted) throw new Error(`${pod} is not reached by ${wanted}`);
    const link = createSocketLink({
      connect: (signal) => carrier.connect(target, signal),
      instance,
      onState: (isUp) => {
        if (!isUp && up.has(pod)) broken.set(pod, (broken.get(pod) ?? 0) + 1);
        void (isUp ? up.add(pod) : up.delete(pod));
      },
    });
    return { definition, links: [link] };
  });
  const { port, front } = await startFront({ servers, dataDir });
  return {
    port,
    url: (name) => `http://127.0.0.1:${port}/servers/${name}`,
    isUp: (pod) => up.has(pod),
    breaks: (pod) => broken.get(pod) ?? 0,
    close: async () => {
      await front.close();
      await Promise.all(servers.flatMap(({ links }) => links.map((link) => link.close())));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
