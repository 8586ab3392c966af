/**
 * What NetworkPolicies (networking.k8s.io/v1) allow, as Kubernetes says it: a pod that a policy selects for a direction is isolated in it,
 * and then only what some rule of some such policy names passes; a connection needs its source's egress and its destination's ingress.
 * Ranges count for addresses of pods, too, as most network plugins have it.
 */
import { BlockList, isIPv6 } from 'node:net';

export type Labels = Readonly<Record<string, string>>;

export interface PodEnd {
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly labels: Labels;
  readonly address: string;
  /** Ports of its containers by name. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** Something that is no pod: a node, a service address, or the internet. */
export interface OutsideEnd {
  readonly address: string;
  readonly namespace?: never;
}

export type End = PodEnd | OutsideEnd;

export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface PolicyPeer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface PolicyPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface Policy {
  readonly metadata: { readonly namespace?: string | undefined };
  readonly spec: {
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly {
      readonly from?: readonly PolicyPeer[];
      readonly ports?: readonly PolicyPort[];
    }[];
    readonly egress?: readonly {
      readonly to?: readonly PolicyPeer[];
      readonly ports?: readonly PolicyPort[];
    }[];
  };
}

export interface Connection {
  readonly from: End;
  readonly to: End;
  readonly protocol?: 'TCP' | 'UDP';
  readonly port: number;
}

type Direction = 'Ingress' | 'Egress';

/** Whether the policies let a connection through. */
export function allows(policies: readonly Policy[], connection: Connection): boolean {
  return passes(policies, 'Egress', connection) && passes(policies, 'Ingress', connection);
}

/** Whether a connection passes at the end that the direction names: the source's egress, or the destination's ingress. */
export function passes(policies: readonly Policy[], direction: Direction, connection: Connection): boolean {
  const { from, to } = connection;
  const [own, other] = direction === 'Egress' ? [from, to] : [to, from];
  if (own.namespace === undefined) return true;
  const isolating = policies.filter((policy) => isolates(policy, direction, own));
  return (
    isolating.length === 0 ||
    isolating.some((policy) =>
      rulesOf(policy, direction).some(
        ({ peers, ports }) =>
          (peers.length === 0 || peers.some((peer) => isPeer(policy, peer, other))) &&
          (ports.length === 0 || ports.some((port) => isPort(port, connection))),
      ),
    )
  );
}

function isolates({ metadata, spec }: Policy, direction: Direction, pod: PodEnd): boolean {
  const types = spec.policyTypes ?? (spec.egress ? ['Ingress', 'Egress'] : ['Ingress']);
  return (
    metadata.namespace === pod.namespace &&
    types.includes(direction) &&
    selects(spec.podSelector ?? {}, pod.labels)
  );
}

interface Rule {
  readonly peers: readonly PolicyPeer[];
  readonly ports: readonly PolicyPort[];
}

function rulesOf({ spec }: Policy, direction: Direction): Rule[] {
  if (direction === 'Ingress')
    return (spec.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }));
  return (spec.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }));
}

function isPeer({ metadata }: Policy, peer: PolicyPeer, end: End): boolean {
  const { ipBlock, namespaceSelector, podSelector } = peer;
  if (ipBlock) {
    const { cidr, except = [] } = ipBlock;
    return isWithin(end.address, cidr) && !except.some((one) => isWithin(end.address, one));
  }
  if (end.namespace === undefined) return false;
  const isPlace = namespaceSelector
    ? selects(namespaceSelector, end.namespaceLabels)
    : end.namespace === metadata.namespace;
  return isPlace && selects(podSelector ?? {}, end.labels);
}

/** A name is looked up among the ports of the destination. */
function isPort({ protocol = 'TCP', port, endPort }: PolicyPort, connection: Connection): boolean {
  if (protocol !== (connection.protocol ?? 'TCP')) return false;
  if (port === undefined) return true;
  const { to } = connection;
  const first = typeof port === 'number' ? port : to.namespace === undefined ? undefined : to.ports?.[port];
  return first !== undefined && connection.port >= first && connection.port <= (endPort ?? first);
}

/** Whether a selector chooses what has these labels; an empty one chooses everything. */
export function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          throw new Error(`a selector has no operator ${operator}`);
      }
    })
  );
}

/** Whether an address lies in a range; those of another family never do. */
export function isWithin(address: string, cidr: string): boolean {
  const [base = '', bits = ''] = cidr.split('/');
  const family = isIPv6(base) ? 'ipv6' : 'ipv4';
  if (isIPv6(address) !== (family === 'ipv6')) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family);
  return list.check(address, family);
}
