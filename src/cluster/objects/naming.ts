/** Names, labels and owner references of everything that is made for a server. */
import { createHash } from 'node:crypto';
import { apiVersionOf, MCP_SERVERS, type ObjectMeta, type OwnerReference } from '../resources.ts';
import type { Owner } from './blueprint.ts';

export const SERVER_LABEL = 'berth.dev/server';
export const UID_LABEL = 'berth.dev/server-uid';
/** On Secrets and claims of others, `true`: their owners let servers have them. */
export const USABLE_LABEL = 'berth.dev/usable';
/** On pods: which generation of the configuration they run. */
export const GENERATION_LABEL = 'berth.dev/generation';
/** On installer Jobs: what they install, and the how-manieth time. */
export const INPUT_LABEL = 'berth.dev/install-input';
export const ATTEMPT_LABEL = 'berth.dev/attempt';

/** Server names may have 52 characters, and a Job's name 63. */
const MOST_OF_NAME = 40;
const HASH = 8;

/** Of the Deployment, the account, the policy and the budget. */
export function childName({ name }: Pick<Owner, 'name'>): string {
  return `mcp-${name}`;
}

/** Names of what Berth makes itself: another server's configuration, an installer's token. */
export function isOurSecret(name: string): boolean {
  return name.startsWith('mcp-');
}

/** Of the Secret of one generation. */
export function secretName(owner: Owner, generation: string): string {
  return `${childName(owner)}-${generation}`;
}

/** Whether a Secret of this server is that of a generation: not of an installer, and no certificate. */
export function isGeneration(owner: Pick<Owner, 'name'>, name: string): boolean {
  const rest = name.slice(childName(owner).length + 1);
  return name.startsWith(`${childName(owner)}-`) && /^[0-9a-f]{8}$/.test(rest);
}

/** Of the Secret with the certificate of the server's supervisors, which is renewed under its name. */
export function linkSecretName(owner: Pick<Owner, 'name'>): string {
  return `${childName(owner)}-link`;
}

/** Of an installer Job and its Secret; long names are cut, and told apart by the hash. */
export function installName(owner: Owner, input: string, attempt: number): string {
  const hash = shortHash([owner.uid, input, attempt]);
  return `${childName({ name: owner.name.slice(0, MOST_OF_NAME).replace(/-+$/, '') })}-install-${hash}`;
}

/** Eight hexadecimal digits over any JSON value; members that are not there do not count. */
export function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, HASH);
}

/** On every object that is made for the server. */
export function labelsOf({ name, uid }: Owner): Record<string, string> {
  return {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/component': 'mcp-server',
    'app.kubernetes.io/managed-by': 'berth',
    'app.kubernetes.io/part-of': 'berth',
    [SERVER_LABEL]: name,
    [UID_LABEL]: uid,
  };
}

/** Selects the replicas of the server: not its installers, and nothing of an earlier server of its name. */
export function replicaLabels({ uid }: Pick<Owner, 'uid'>): Record<string, string> {
  return { [UID_LABEL]: uid, 'app.kubernetes.io/component': 'mcp-server' };
}

/** The same as the text of a selector. */
export function replicaSelector(owner: Pick<Owner, 'uid'>): string {
  return Object.entries(replicaLabels(owner))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** Selects whatever is made for the server. */
export function ownedSelector({ uid }: Pick<Owner, 'uid'>): string {
  return `${UID_LABEL}=${uid}`;
}

/** Metadata of a child: when the MCPServer goes, so does the child. */
export function metaOf(
  owner: Owner,
  name: string,
  more: Pick<ObjectMeta, 'labels' | 'annotations'> = {},
): ObjectMeta {
  return {
    name,
    namespace: owner.namespace,
    labels: { ...labelsOf(owner), ...more.labels },
    ...(more.annotations && { annotations: more.annotations }),
    ownerReferences: [ownerReference(owner)],
  };
}

function ownerReference({ name, uid }: Owner): OwnerReference {
  return {
    apiVersion: apiVersionOf(MCP_SERVERS),
    kind: MCP_SERVERS.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: false,
  };
}
