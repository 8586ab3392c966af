/** The cluster that `KUBECONFIG` names, and a namespace of one's own in it. */
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { loadClusterAccess } from '../../../src/cluster/kube-config.ts';
import { type KubeObject, NAMESPACES, PODS } from '../../../src/cluster/resources.ts';
import { NODE_IMAGE } from './images.ts';
import { ownName } from './own-names.ts';

const LOOK_EVERY = 200;
const LOOKS = 600;

export interface TestCluster {
  readonly access: ClusterAccess;
  readonly client: ApiClient;
  readonly namespace: string;
  /** A pod that the `restricted` profile allows, running a script; resolves when its file `/run/berth/ready` would be there. */
  pod(name: string, script: string): Promise<void>;
  close(): Promise<void>;
}

export async function openCluster(): Promise<TestCluster> {
  if (!process.env.KUBECONFIG) throw new Error('KUBECONFIG is not set');
  const access = await loadClusterAccess();
  const client = new ApiClient({ access });
  const namespace = ownName('berth-test');
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await client.create(NAMESPACES, { metadata: { name: namespace, labels } });
  return {
    access,
    client,
    namespace,
    pod: async (name, script) => {
      await client.create(PODS, nodePod({ name, namespace }, script));
      await eventually(`pod ${name}`, async () => {
        const pod = await client.get<Pod>(PODS, { namespace, name });
        return pod?.status?.containerStatuses?.[0]?.ready === true;
      });
    },
    close: async () => {
      await client.remove(NAMESPACES, { name: namespace });
      await eventually('the end of the namespace', async () => {
        return (await client.get(NAMESPACES, { name: namespace })) === undefined;
      });
      client.close();
    },
  };
}

/** Looks again and again, a bounded number of times. */
export async function eventually(what: string, there: () => Promise<boolean> | boolean): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (await there()) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  throw new Error(`never came: ${what}`);
}

interface Pod extends KubeObject {
  readonly spec?: object;
  readonly status?: { readonly containerStatuses?: readonly { readonly ready: boolean }[] };
}

function nodePod(metadata: { name: string; namespace: string }, script: string): Pod {
  return {
    metadata: { ...metadata, labels: { app: metadata.name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'main',
          image: NODE_IMAGE,
          imagePullPolicy: 'IfNotPresent',
          command: ['node', '-e', script],
          readinessProbe: {
            exec: { command: ['test', '-e', '/run/berth/ready'] },
            periodSeconds: 1,
            timeoutSeconds: 5,
          },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            readOnlyRootFilesystem: true,
          },
          volumeMounts: [{ name: 'run', mountPath: '/run/berth' }],
        },
      ],
      volumes: [{ name: 'run', emptyDir: {} }],
    },
  };
}
