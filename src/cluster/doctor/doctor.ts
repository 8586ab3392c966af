/** `berth doctor` in a cluster: what it lacks for Berth, each with what to do about it. Nothing is changed, and only probes make anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../api-client.ts';
import { loadClusterAccess } from '../kube-config.ts';
import type { PodSettings } from '../objects/blueprint.ts';
import { PRIVATE_CIDRS } from '../objects/network-policy.ts';
import { CONFIG_MAPS, type KubeObject } from '../resources.ts';
import { checkDefinition, checkNamespace, checkProcessLimit, checkVersion } from './cluster-checks.ts';
import type { DoctorPlaces, Finding } from './finding.ts';
import { findPlaces } from './places.ts';
import { checkPod } from './pod-checks.ts';
import { probePods } from './probe.ts';
import { checkRelease } from './release-checks.ts';
import { type Account, checkRights } from './rights.ts';

export interface DoctorOptions {
  /** What is not given is found out. */
  readonly places: Partial<DoctorPlaces>;
  /** Of this program. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whose rights are asked for, of the account that the kubeconfig or the pod names. */
  readonly accounts: readonly Account[];
  /** Pods are made to see whether images come and policies hold. */
  readonly probe: boolean;
}

/** With the account of the kubeconfig, or of the pod. Rejects when the API server cannot be reached. */
export async function examineCluster(options: DoctorOptions): Promise<Finding[]> {
  const client = new ApiClient({ access: await loadClusterAccess() });
  try {
    return await examine(client, options);
  } finally {
    client.close();
  }
}

/** As {@link examineCluster}, with the rights of this client. */
export async function examine(
  client: ApiClient,
  { places: given, env, accounts, probe }: DoctorOptions,
): Promise<Finding[]> {
  const version = await checkVersion(client);
  const { places, finding: installation } = await findPlaces(client, given, env);
  const settings = await settingsOf(client, places);
  const found = await Promise.all([
    checkDefinition(client, places),
    ...accounts.map((account) => checkRights(client, account, places)),
    checkNamespace(client, places),
    checkProcessLimit(client),
  ]);
  const release = await checkRelease(client, places, Date.now());
  const pods = await checkPod(client, settings, places);
  const probed = probe ? await probePods({ client, settings, places, sleep }) : [notProbed()];
  return [version, installation, ...found, ...release, ...pods, ...probed];
}

function notProbed(): Finding {
  return {
    ...{
      check: 'network policies',
      state: 'unknown',
      message: 'not tried: only pods can tell, and whether images come',
    },
    fix: 'berth doctor --probe makes three pods among the servers for it, and removes them.',
  };
}

const USUAL: PodSettings = {
  release: 'berth',
  releaseNamespace: 'default',
  images: { supervisor: 'berth-supervisor', runner: 'berth-runner' },
  pullPolicy: 'IfNotPresent',
  pullSecrets: [],
  resources: {
    supervisor: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '512Mi' } },
    workload: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '500m', memory: '512Mi' } },
    installer: { requests: { cpu: '200m', memory: '256Mi' }, limits: { memory: '1Gi' } },
  },
  treeSize: '2Gi',
  scratchSize: '1Gi',
  installerEnv: [],
  registries: [],
  dns: { namespaceLabels: {}, podLabels: {} },
  privateCidrs: PRIVATE_CIDRS,
  remoteHosts: [],
  installSeconds: 600,
};

/** Those of the installed release, as far as they can be read; else the chart's own defaults. */
async function settingsOf(
  client: Pick<ApiClient, 'get'>,
  { namespace, release }: DoctorPlaces,
): Promise<PodSettings> {
  const usual = { ...USUAL, release, releaseNamespace: namespace };
  try {
    const target = { namespace, name: `${release}-controller` };
    const found = await client.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, target);
    const [text] = Object.values(found?.data ?? {});
    if (text === undefined) return usual;
    const { images, pullPolicy, pullSecrets, resources } = JSON.parse(text) as Partial<PodSettings>;
    return {
      ...usual,
      ...(images && { images: { supervisor: images.supervisor, runner: images.runner } }),
      ...(pullPolicy && { pullPolicy }),
      ...(pullSecrets && { pullSecrets }),
      ...(resources && { resources }),
    };
  } catch {
    // An account that may not read them is told what the chart would do.
    return usual;
  }
}
