/** Volumes for claims of tests: of the cluster's default storage class, or folders of a node where there is none. */
import { NODE_IMAGE } from './images.ts';
import { read, run, uniqueName } from './tools.ts';

export interface TestVolumes {
  /** For the claims that it was asked for; undefined where the cluster's default serves them. */
  readonly storageClass: string | undefined;
  /** Takes the volumes away, with what is in them. Claims must be gone. */
  close(): void;
}

interface StorageClass {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const PARENT = '/var/tmp';

/** One for each claim of `namespace`. Pods that make folders of a node run in `workspace`. */
export function openVolumes(namespace: string, workspace: string, claims: readonly string[]): TestVolumes {
  const classes = read<{ items: readonly StorageClass[] }>('storageclasses').items;
  if (classes.some(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true'))
    return { storageClass: undefined, close: () => {} };
  const name = uniqueName();
  const node = readyNode();
  const folder = `${PARENT}/${name}`;
  onNode(workspace, { name, node }, `mkdir -p ${claims.map((claim) => `${folder}/${claim}`).join(' ')}`);
  const volumes = claims.map((claim) => localVolume(`${name}-${claim}`, { namespace, claim, node, name }));
  run('kubectl', ['create', '-f', '-'], volumes.map((one) => JSON.stringify(one)).join('\n'));
  return {
    storageClass: name,
    close: () => {
      run('kubectl', ['delete', 'pv', '--ignore-not-found', ...claims.map((claim) => `${name}-${claim}`)]);
      onNode(workspace, { name, node }, `rm -rf ${folder}`);
    },
  };
}

function readyNode(): string {
  const { items } = read<{ items: { metadata: { name: string }; spec: { unschedulable?: boolean } }[] }>(
    'nodes',
  );
  const found = items.find(({ spec }) => !spec.unschedulable);
  if (!found) throw new Error('no node takes pods');
  return found.metadata.name;
}

interface Place {
  readonly name: string;
  readonly node: string;
}

/** A short program as root in the parent of the folders. */
function onNode(namespace: string, { name, node }: Place, script: string): void {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      nodeName: node,
      restartPolicy: 'Never',
      securityContext: { runAsUser: 0, runAsNonRoot: false },
      containers: [
        {
          name: 'folders',
          image: NODE_IMAGE,
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', script],
          volumeMounts: [{ name: 'parent', mountPath: PARENT }],
        },
      ],
      volumes: [{ name: 'parent', hostPath: { path: PARENT, type: 'Directory' } }],
    },
  };
  run('kubectl', ['create', '-f', '-'], JSON.stringify(pod));
  const of = ['-n', namespace, `pod/${name}`];
  run('kubectl', ['wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=90s', ...of]);
  run('kubectl', ['delete', '--wait', ...of]);
}

function localVolume(
  name: string,
  { namespace, claim, node, name: storageClass }: Place & { namespace: string; claim: string },
): object {
  const values = [node];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: storageClass,
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { namespace, name: claim },
      local: { path: `${PARENT}/${storageClass}/${claim}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] },
          ],
        },
      },
    },
  };
}
