/** A gateway in the test's own program that reaches its servers by exec, as one in the cluster does. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { createExecCarrier } from '../../../src/cluster/exec-carrier.ts';
import { LINK_SOCKET, SUPERVISOR } from '../../../src/cluster/objects/places.ts';
import { createSocketLink } from '../../../src/link/socket-link.ts';
import { startFront } from '../../support/gateway.ts';
import type { RunningPod } from './server-pod.ts';

export interface ExecGateway {
  readonly port: number;
  /** `http://127.0.0.1:PORT/servers/name`. */
  url(name: string): string;
  /** Whether the link to each pod is up, by its name. */
  isUp(pod: string): boolean;
  close(): Promise<void>;
}

export async function startExecGateway(
  { access, namespace }: { readonly access: ClusterAccess; readonly namespace: string },
  pods: readonly RunningPod[],
): Promise<ExecGateway> {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-exec-'));
  const carrier = createExecCarrier({ access });
  const instance = randomUUID();
  const up = new Set<string>();
  const servers = pods.map(({ definition, pod }) => {
    const target = { namespace, pod, container: SUPERVISOR, socket: LINK_SOCKET };
    const link = createSocketLink({
      connect: (signal) => carrier.connect(target, signal),
      instance,
      onState: (isUp) => void (isUp ? up.add(pod) : up.delete(pod)),
    });
    return { definition, links: [link] };
  });
  const { port, front } = await startFront({ servers, dataDir });
  return {
    port,
    url: (name) => `http://127.0.0.1:${port}/servers/${name}`,
    isUp: (pod) => up.has(pod),
    close: async () => {
      await front.close();
      await Promise.all(servers.flatMap(({ links }) => links.map((link) => link.close())));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
