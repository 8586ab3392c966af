/** What a cluster must have before anything is installed in it, and how large a process tree its nodes let a pod have. */
import { toBerthError } from '../../errors.ts';
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import { type KubeObject, MCP_SERVERS, NAMESPACES, NODES } from '../resources.ts';
import type { DoctorPlaces, Finding } from './finding.ts';

const OLDEST_MINOR = 33;
const ENFORCE = 'pod-security.kubernetes.io/enforce';
/** Nodes that are asked; they rarely differ. */
const NODES_ASKED = 5;
/** Processes of a pod: forty-five servers in Node use about 500. */
const FEW_PROCESSES = 1_024;

export async function checkVersion(client: Pick<ApiClient, 'read'>): Promise<Finding> {
  const check = 'Kubernetes';
  const { major, minor, gitVersion } = (await client.read('/version', 'ask for the version')) as Record<
    'major' | 'minor' | 'gitVersion',
    string
  >;
  const message = `the API server is ${gitVersion}`;
  if (major === '1' && Number.parseInt(minor, 10) >= OLDEST_MINOR) return { check, state: 'ok', message };
  return { check, state: 'problem', message, fix: `Berth needs 1.${OLDEST_MINOR} or newer.` };
}

export async function checkDefinition(
  client: Pick<ApiClient, 'list'>,
  { servers }: DoctorPlaces,
): Promise<Finding> {
  const check = 'MCPServer';
  try {
    await client.list(MCP_SERVERS, { namespace: servers, limit: 1 });
    return { check, state: 'ok', message: 'the custom resource is served' };
  } catch (thrown) {
    if (apiStatusOf(thrown)?.code !== 404) return unknown(check, thrown);
    const fix = 'Install the chart, or apply helm/berth/files/mcpservers.berth.dev.yaml as an administrator.';
    return { check, state: 'problem', message: 'the custom resource is not there', fix };
  }
}

/** Whether the namespace holds everything in it to the restricted profile. */
export async function checkNamespace(
  client: Pick<ApiClient, 'get'>,
  { servers }: DoctorPlaces,
): Promise<Finding> {
  const check = 'Pod Security';
  try {
    const found = await client.get<KubeObject>(NAMESPACES, { name: servers });
    if (!found)
      return {
        ...{ check, state: 'problem', message: `there is no namespace ${servers}` },
        fix: `Install the chart, or make it: kubectl create namespace ${servers}.`,
      };
    const level = found.metadata.labels?.[ENFORCE];
    if (level === 'restricted')
      return { check, state: 'ok', message: `the namespace ${servers} enforces restricted` };
    return {
      ...{ check, state: 'problem' },
      message: `the namespace ${servers} enforces ${level ?? 'no level'}: pods in it may do more than Berth's need`,
      fix: `kubectl label --overwrite namespace ${servers} ${ENFORCE}=restricted`,
    };
  } catch (thrown) {
    return unknown(check, thrown);
  }
}

export async function checkProcessLimit(client: Pick<ApiClient, 'list' | 'read'>): Promise<Finding> {
  const check = 'process limit';
  try {
    const { items } = await client.list<KubeObject>(NODES, { limit: NODES_ASKED });
    const limits = await Promise.all(
      items.map(async ({ metadata: { name = '' } }) => {
        const path = `/api/v1/nodes/${encodeURIComponent(name)}/proxy/configz`;
        const read = (await client.read(path, `ask node ${name} for its settings`)) as Configz;
        return { name, limit: read.kubeletconfig?.podPidsLimit ?? -1 };
      }),
    );
    if (limits.length === 0)
      return {
        ...{ check, state: 'unknown', message: 'the cluster has no node that could be asked' },
        fix: 'Try again once the cluster has nodes.',
      };
    const free = limits.find(({ limit }) => limit <= 0);
    if (free)
      return {
        ...{ check, state: 'warning' },
        message: `node ${free.name} lets a pod have as many processes as it likes: one server can use up the node's`,
        fix: 'Set podPidsLimit in the configuration of the kubelets, to 4096 for example.',
      };
    const tight = limits.find(({ limit }) => limit < FEW_PROCESSES);
    if (tight)
      return {
        ...{ check, state: 'warning' },
        message: `node ${tight.name} lets a pod have ${tight.limit} processes and threads: about 45 sessions in Node use 500`,
        fix: `Raise podPidsLimit of the kubelets to ${FEW_PROCESSES} or more, or set limits.sessions of servers.`,
      };
    return { check, state: 'ok', message: `a pod may have ${limits[0]?.limit} processes and threads` };
  } catch (thrown) {
    return unknown(check, thrown);
  }
}

interface Configz {
  readonly kubeletconfig?: { readonly podPidsLimit?: number };
}

/** An account that may not look cannot tell; whoever may, can. */
export function unknown(check: string, thrown: unknown): Finding {
  const { message } = toBerthError(thrown);
  const denied = apiStatusOf(thrown)?.code === 403;
  return {
    ...{ check, state: 'unknown', message },
    fix: denied
      ? 'Run berth doctor with an account that may look at that, such as an administrator’s.'
      : 'See whether the API server is well, and try again.',
  };
}
