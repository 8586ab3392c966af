/** Does on this machine's node what a network plugin does that enforces policies: drops what may not come into a pod. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../../src/cluster/api-client.ts';
import { type KubeObject, NETWORK_POLICIES, PODS, resource } from '../../../src/cluster/resources.ts';

const NODES = resource('v1', 'Node', 'nodes');
const LOOK_EVERY = 100;
/** A rule that is left behind because its test was killed is no pod's any more after this long. */
const GONE_AFTER = '2m';

interface Policy extends KubeObject {
  readonly spec: { readonly podSelector: { readonly matchLabels?: Readonly<Record<string, string>> } };
}
interface Pod extends KubeObject {
  readonly status?: { readonly podIP?: string };
}
interface Node extends KubeObject {
  readonly status: { readonly addresses: readonly { readonly address: string }[] };
}
type Client = Pick<ApiClient, 'list'>;

/** Why it cannot be done here; undefined where it can. */
export async function enforcingLack(client: Client): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root can drop what goes to a pod';
  if (nft('list tables') === undefined) return 'nft does not work on this machine';
  const { items } = await client.list<Node>(NODES, {});
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address)),
  );
  const isOwn = ({ status }: Node): boolean => status.addresses.some(({ address }) => own.has(address));
  if (!items.every(isOwn)) return 'the nodes are not this machine';
  if (!bridgedIsFiltered()) return 'what goes over a bridge of this machine is not filtered';
  return undefined;
}

/**
 * While `work` runs, nothing comes into the pods that a policy of this namespace selects: what policies let in is not read, they must
 * let in nothing.
 */
export async function enforcing<T>(
  { client, namespace }: { readonly client: Client; readonly namespace: string },
  work: () => Promise<T>,
): Promise<T> {
  const table = `ip ${namespace}`;
  must(`add table ${table}`);
  try {
    must(`add set ${table} closed { type ipv4_addr; flags timeout; }`);
    must(`add chain ${table} forward { type filter hook forward priority 0; }`);
    must(`add rule ${table} forward ip daddr @closed ct state new drop`);
    const working = work();
    let over = false;
    const end = (): void => {
      over = true;
    };
    working.then(end, end);
    while (!over) {
      for (const address of await closedAddresses(client, namespace))
        must(`add element ${table} closed { ${address} timeout ${GONE_AFTER} }`);
      await sleep(LOOK_EVERY);
    }
    return await working;
  } finally {
    must(`delete table ${table}`);
  }
}

async function closedAddresses(client: Client, namespace: string): Promise<string[]> {
  const { items: policies } = await client.list<Policy>(NETWORK_POLICIES, { namespace });
  const found = policies.map(async ({ spec: { podSelector } }) => {
    const labels = Object.entries(podSelector.matchLabels ?? {}).map(([name, value]) => `${name}=${value}`);
    const { items } = await client.list<Pod>(PODS, { namespace, labelSelector: labels.join() });
    return items.flatMap(({ status }) => status?.podIP ?? []);
  });
  return (await Promise.all(found)).flat();
}

/** What the program says, or undefined when it cannot. */
function nft(command: string): string | undefined {
  const { status, stdout } = spawnSync('nft', [command], { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

function must(command: string): void {
  if (nft(command) === undefined) throw new Error(`nft ${command} failed`);
}

function bridgedIsFiltered(): boolean {
  try {
    return readFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
