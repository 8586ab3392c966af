/**
 * What a server's pods may reach, and who reaches them: out goes only what their egress class says, and nothing comes in but scrapes
 * of metrics, where they are wanted, and the links of gateways and controller, where those go over the network.
 */
import { type KubeObject, NETWORK_POLICIES, type ObjectMeta, typed } from '../resources.ts';
import {
  type Blueprint,
  GATEWAY_PORT,
  hasMetrics,
  METRICS_PORT,
  type PodSettings,
  TREES_PORT,
} from './blueprint.ts';
import { childName, metaOf, replicaLabels, UID_LABEL } from './naming.ts';

export interface NetworkPolicy extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly podSelector: object;
    readonly policyTypes: readonly ['Ingress', 'Egress'];
    readonly ingress: readonly IngressRule[];
    readonly egress: readonly EgressRule[];
  };
}

interface IngressRule {
  readonly from: readonly object[];
  readonly ports: readonly { readonly protocol: 'TCP'; readonly port: number }[];
}

interface EgressRule {
  readonly to: readonly object[];
  readonly ports?: readonly { readonly protocol: 'TCP' | 'UDP'; readonly port: number }[];
}

const DNS_PORT = 53;
/** Private, shared, loopback, link-local (metadata services), multicast and reserved addresses. */
export const PRIVATE_CIDRS = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  '64:ff9b::/96',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
];

/** Of the server's replicas; `linkPort` where any of them listens, whatever the settings say now. */
export function networkPolicy(
  blueprint: Blueprint,
  settings: PodSettings,
  linkPort = settings.linkPort,
): NetworkPolicy {
  const { owner, program, network, callsServers = false } = blueprint;
  const fetches = program.kind === 'package';
  return policy(owner, childName(owner), {
    labels: replicaLabels(owner),
    ingress: [
      ...(hasMetrics(blueprint, settings) ? [metricsRule(settings)] : []),
      ...(linkPort === undefined ? [] : [linkRule(settings, linkPort)]),
    ],
    egress: [
      // Names are needed to find berth-trees; without a tree and without egress nothing is to be asked.
      ...(fetches || callsServers || network.egress !== 'none' ? [nameRule(settings)] : []),
      ...(fetches ? [treesRule(settings)] : []),
      ...(callsServers ? [gatewayRule(settings)] : []),
      ...egressRules(network, settings),
    ],
  });
}

/** Of the server's installer Jobs: package registries and berth-trees. */
export function installerPolicy({ owner }: Pick<Blueprint, 'owner'>, settings: PodSettings): NetworkPolicy {
  const labels = { [UID_LABEL]: owner.uid, 'app.kubernetes.io/component': 'mcp-installer' };
  return policy(owner, `${childName(owner)}-install`, {
    labels,
    ingress: [],
    egress: [
      nameRule(settings),
      treesRule(settings),
      publicRule(settings),
      ...settings.registries.map(rangeRule),
    ],
  });
}

function policy(
  owner: Blueprint['owner'],
  name: string,
  rules: {
    readonly labels: Readonly<Record<string, string>>;
    readonly ingress: readonly IngressRule[];
    readonly egress: readonly EgressRule[];
  },
): NetworkPolicy {
  return typed(NETWORK_POLICIES, {
    metadata: metaOf(owner, name),
    spec: {
      podSelector: { matchLabels: rules.labels },
      policyTypes: ['Ingress', 'Egress'] as const,
      ingress: rules.ingress,
      egress: rules.egress,
    },
  });
}

function egressRules({ egress, allow }: Blueprint['network'], settings: PodSettings): EgressRule[] {
  switch (egress) {
    case 'none':
      return [];
    case 'public':
      return [publicRule(settings)];
    case 'allow':
      return allow.map(rangeRule);
  }
}

/** Everybody in the cluster where nobody is named. */
function metricsRule({ metrics }: PodSettings): IngressRule {
  const { from = [] } = metrics ?? {};
  return {
    from: from.length > 0 ? from : [{ namespaceSelector: {} }],
    ports: [{ protocol: 'TCP', port: METRICS_PORT }],
  };
}

function rangeRule({
  cidr,
  ports = [],
}: {
  readonly cidr: string;
  readonly ports?: readonly number[];
}): EgressRule {
  const given = ports.map((port) => ({ protocol: 'TCP' as const, port }));
  return { to: [{ ipBlock: { cidr } }], ...(given.length > 0 && { ports: given }) };
}

function publicRule({ privateCidrs }: PodSettings): EgressRule {
  return {
    to: [
      { ipBlock: { cidr: '0.0.0.0/0', except: privateCidrs.filter((cidr) => !cidr.includes(':')) } },
      { ipBlock: { cidr: '::/0', except: privateCidrs.filter((cidr) => cidr.includes(':')) } },
    ],
  };
}

/** Certificates decide who is served; this decides who gets as far as to show one. */
function linkRule({ release, releaseNamespace }: PodSettings, port: number): IngressRule {
  const components = {
    key: 'app.kubernetes.io/component',
    operator: 'In',
    values: ['gateway', 'controller'],
  };
  return {
    from: [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': releaseNamespace } },
        podSelector: {
          matchLabels: { 'app.kubernetes.io/instance': release },
          matchExpressions: [components],
        },
      },
    ],
    ports: [{ protocol: 'TCP', port }],
  };
}

function nameRule({ dns }: PodSettings): EgressRule {
  const to = [
    {
      namespaceSelector: { matchLabels: dns.namespaceLabels },
      podSelector: { matchLabels: dns.podLabels },
    },
  ];
  return {
    to,
    ports: [
      { protocol: 'UDP', port: DNS_PORT },
      { protocol: 'TCP', port: DNS_PORT },
    ],
  };
}

function treesRule(settings: PodSettings): EgressRule {
  return partRule('trees', TREES_PORT, settings);
}

/** Servers that need others call them as everybody does. */
function gatewayRule(settings: PodSettings): EgressRule {
  return partRule('gateway', GATEWAY_PORT, settings);
}

function partRule(component: string, port: number, { release, releaseNamespace }: PodSettings): EgressRule {
  return {
    to: [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': releaseNamespace } },
        podSelector: {
          matchLabels: { 'app.kubernetes.io/instance': release, 'app.kubernetes.io/component': component },
        },
      },
    ],
    ports: [{ protocol: 'TCP', port }],
  };
}
