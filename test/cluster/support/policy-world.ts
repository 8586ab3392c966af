/** The NetworkPolicies of a release, those that the chart renders and those that its controller makes, and the pods that they are about. */
import { parseAllDocuments } from 'yaml';
import type { Blueprint, Program } from '../../../src/cluster/objects/blueprint.ts';
import { deployment } from '../../../src/cluster/objects/deployment.ts';
import { installerJob } from '../../../src/cluster/objects/installer-job.ts';
import { installerPolicy, networkPolicy } from '../../../src/cluster/objects/network-policy.ts';
import { parseControllerSettings } from '../../../src/controller/settings.ts';
import { blueprint, programs } from '../../support/blueprints.ts';
import type { End, Labels, PodEnd, Policy } from '../../support/network-policies.ts';
import { CHART, run } from './tools.ts';

const RELEASE = 'berth';
const NAMESPACE = 'mcp';
const SERVERS = `${RELEASE}-servers`;
const RANGE = { cidr: '10.20.0.0/16', ports: [5432] };

interface PodTemplate {
  readonly metadata: { readonly labels: Labels };
  readonly spec: {
    readonly containers: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: { readonly template: PodTemplate };
  readonly data: Readonly<Record<string, string>>;
}

export interface PolicyWorld {
  readonly policies: readonly Policy[];
  /** Ours by what they are, and others. */
  readonly ends: Readonly<Record<string, End>>;
}

/** `values`: as `--set` has them. */
export function policyWorld(...values: readonly string[]): PolicyWorld {
  const set = values.flatMap((value) => ['--set', value]);
  const manifests = parseAllDocuments(run('helm', ['template', RELEASE, CHART, '-n', NAMESPACE, ...set]))
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
  const named = (kind: string, name: string): Manifest => {
    const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
    if (!found) throw new Error(`the chart renders no ${kind} ${name}`);
    return found;
  };
  const text = named('ConfigMap', `${RELEASE}-controller`).data['controller.json'] ?? '';
  const { pods: settings } = parseControllerSettings(JSON.parse(text));
  let last = 0;
  const pod = (namespace: string, { metadata, spec }: PodTemplate): PodEnd => ({
    namespace,
    namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
    labels: metadata.labels,
    address: `10.244.0.${++last}`,
    ports: Object.fromEntries(
      spec.containers
        .flatMap(({ ports = [] }) => ports)
        .map(({ name = '', containerPort }) => [name, containerPort]),
    ),
  });
  const servers = serversOf();
  const part = (name: string): PodEnd =>
    pod(NAMESPACE, named('Deployment', `${RELEASE}-${name}`).spec.template);
  const owner = servers['a package'].owner;
  const source = { ecosystem: 'npm', name: 'a-package' } as const;
  return {
    policies: [
      ...manifests.filter(({ kind }) => kind === 'NetworkPolicy'),
      ...Object.values(servers).map((one) => networkPolicy(one, settings)),
      installerPolicy({ owner }, settings),
    ] as unknown as Policy[],
    ends: {
      gateway: part('gateway'),
      controller: part('controller'),
      trees: part('trees'),
      ...Object.fromEntries(
        Object.entries(servers).map(([name, given]) => [
          name,
          pod(
            SERVERS,
            deployment({ blueprint: given, settings, generation: 'g', annotations: {} }).spec
              .template as unknown as PodTemplate,
          ),
        ]),
      ),
      installer: pod(
        SERVERS,
        installerJob({ owner, source, input: 'i', attempt: 0 }, settings).spec
          .template as unknown as PodTemplate,
      ),
      'a pod of somebody else among the servers': plain(SERVERS, '10.244.1.1'),
      'a pod elsewhere': plain('default', '10.244.1.2'),
      DNS: { ...plain('kube-system', '10.244.1.3'), labels: { 'k8s-app': 'kube-dns' } },
    },
  };
}

function plain(namespace: string, address: string): PodEnd {
  return {
    ...{ namespace, address, labels: { app: 'other' } },
    namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
  };
}

/** Of each egress class one, and of each that fetches a tree. */
function serversOf() {
  const server = (name: string, program: string, network: Blueprint['network']): Blueprint =>
    blueprint(programOf(program), {
      network,
      owner: { name, namespace: SERVERS, uid: `uid-${name}` },
    });
  return {
    'a package': server('package', 'package', { egress: 'public', allow: [] }),
    'a package, egress none': server('package-none', 'package', { egress: 'none', allow: [] }),
    'a script, egress none': server('script', 'inline script', { egress: 'none', allow: [] }),
    'an image, egress public': server('image', 'http image', { egress: 'public', allow: [] }),
    'a server with a list': server('list', 'stdio image', { egress: 'allow', allow: [RANGE] }),
  };
}

function programOf(name: string): Program {
  const program = programs[name];
  if (!program) throw new Error(`there is no program ${name}`);
  return program;
}
