/** The package store in a pod, and installer Jobs that fill it, as chart and controller would make them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Owner, Tree } from '../../../src/cluster/objects/blueprint.ts';
import { TREES_PORT } from '../../../src/cluster/objects/blueprint.ts';
import { installSecret } from '../../../src/cluster/objects/config-secret.ts';
import { installerJob } from '../../../src/cluster/objects/installer-job.ts';
import { childName, installName, shortHash } from '../../../src/cluster/objects/naming.ts';
import { UID } from '../../../src/cluster/objects/places.ts';
import { containerSecurity } from '../../../src/cluster/objects/security.ts';
import { JOBS, PODS, SECRETS, SERVICE_ACCOUNTS, SERVICES } from '../../../src/cluster/resources.ts';
import type { PackageSource } from '../../../src/packages/package.ts';
import { NO_RULES, type PackageRules } from '../../../src/packages/package-rules.ts';
import { treeToken } from '../../../src/trees/token.ts';
import { eventually, type TestCluster } from './cluster.ts';
import { IMAGES, podSettings } from './images.ts';
import { orphan, type PodObject } from './server-pod.ts';
import { goesWithTest } from './tidy.ts';

export interface TreesPod {
  /** What installers' tokens are made with. */
  readonly key: Buffer;
  /** Runs a Job to its end. Rejects with its report when it failed. */
  install(source: PackageSource, rules?: Partial<PackageRules>): Promise<Tree>;
  /** Where it is reached from here. */
  readonly url: string;
  /** Its pod is another one, with nothing of what the last one kept; resolves when that answers. */
  lose(): Promise<void>;
}

const NAME = 'berth-trees';
const KEY_BYTES = 32;

/** Resolves when it answers. */
export async function startTrees(cluster: TestCluster): Promise<TreesPod> {
  const { client, namespace } = cluster;
  const key = randomBytes(KEY_BYTES);
  const metadata = { name: NAME, namespace };
  await client.create(SECRETS, { metadata, data: { key: key.toString('base64') } } as never);
  const service = await client.create(SERVICES, {
    metadata,
    spec: { selector: { app: NAME }, ports: [{ port: TREES_PORT }] },
  } as never);
  const { clusterIP } = (service as unknown as { readonly spec: { readonly clusterIP: string } }).spec;
  const begin = async (): Promise<void> => {
    const labels = { app: NAME };
    await client.create(PODS, { metadata: { ...metadata, labels }, spec: treesSpec() } as never);
    await eventually('berth-trees', async () => {
      const pod = await client.get<PodObject>(PODS, metadata);
      return pod?.status?.containerStatuses?.[0]?.ready === true;
    });
  };
  await begin();
  return {
    key,
    url: `http://${clusterIP}:${TREES_PORT}`,
    install: (source, rules) => install(cluster, key, { source, rules }),
    lose: async () => {
      await client.remove(PODS, metadata, { gracePeriodSeconds: 0 });
      await eventually('its end', async () => (await client.get(PODS, metadata)) === undefined);
      await begin();
    },
  };
}

function treesSpec(): object {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 1,
    securityContext: { fsGroup: UID.supervisor },
    containers: [
      {
        name: 'trees',
        image: IMAGES.gateway,
        imagePullPolicy: 'IfNotPresent',
        args: ['/app/dist/trees/main.js'],
        securityContext: containerSecurity(UID.supervisor),
        readinessProbe: { httpGet: { path: '/livez', port: TREES_PORT }, periodSeconds: 1 },
        volumeMounts: [
          { name: 'key', mountPath: '/etc/berth/trees-key', readOnly: true },
          { name: 'trees', mountPath: '/var/lib/berth/trees' },
        ],
      },
    ],
    volumes: [
      { name: 'key', secret: { secretName: NAME, defaultMode: 0o440 } },
      { name: 'trees', emptyDir: {} },
    ],
  };
}

async function install(
  { client, namespace }: TestCluster,
  key: Buffer,
  { source, rules }: { readonly source: PackageSource; readonly rules: Partial<PackageRules> | undefined },
): Promise<Tree> {
  const input = shortHash(rules ? [source, rules] : source);
  const owner: Owner = { name: input, namespace, uid: randomUUID() };
  const settings = podSettings(namespace);
  const installerEnv = rules
    ? [
        ...settings.installerEnv,
        { name: 'BERTH_INSTALL_RULES', value: JSON.stringify({ ...NO_RULES, ...rules }) },
      ]
    : settings.installerEnv;
  const name = installName(owner, input, 0);
  goesWithTest(client, SERVICE_ACCOUNTS, { namespace, names: [childName(owner)] });
  for (const kind of [SECRETS, JOBS]) goesWithTest(client, kind, { namespace, names: [name] });
  await client.create(SERVICE_ACCOUNTS, { metadata: { name: childName(owner), namespace } });
  await client.create(SECRETS, orphan(installSecret(owner, name, treeToken(key, name))));
  const job = installerJob({ owner, source, input, attempt: 0 }, { ...settings, installerEnv });
  await client.create(JOBS, orphan(job));
  let message: string | undefined;
  await eventually(`the installation of ${source.name}`, async () => {
    const labelSelector = `batch.kubernetes.io/job-name=${name}`;
    const { items } = await client.list<PodObject>(PODS, { namespace, labelSelector });
    message = items[0]?.status?.containerStatuses?.[0]?.state?.terminated?.message;
    return message !== undefined;
  });
  const report = JSON.parse(message ?? '') as Tree & { readonly error?: unknown };
  if (report.error) throw new Error(message);
  return report;
}
