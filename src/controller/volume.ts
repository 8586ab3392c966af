/** The folder of a server that stays: its claim is made, kept, or removed. */
import { apiStatusOf } from '../cluster/api-status.ts';
import type { McpServer, McpServerStatus, Persistence } from '../cluster/mcp-server.ts';
import type { Owner } from '../cluster/objects/blueprint.ts';
import { type Claim, claim, mountedClaim } from '../cluster/objects/claim.ts';
import { CLAIMS } from '../cluster/resources.ts';
import type { Applier } from './applier.ts';
import type { ClusterApi, Observed } from './cluster-api.ts';
import type { Problem } from './problem.ts';

export interface Volume {
  readonly seen?: NonNullable<McpServerStatus['volume']>;
  /** What the API server has against the claim. */
  readonly problem?: Problem;
  /** Without the claim no pod can come up. */
  readonly blocks?: boolean;
}

interface VolumeTools {
  readonly api: Pick<ClusterApi, 'get'>;
  readonly applier: Applier;
}

/** A claim that belongs to the server goes once nothing mentions it; one that is to be retained belongs to nobody. */
export async function keepVolume(
  { owner, persistence }: { readonly owner: Owner; readonly persistence: Persistence | undefined },
  { server, observed }: { readonly server: McpServer; readonly observed: Observed },
  { api, applier }: VolumeTools,
): Promise<Volume> {
  const own = observed.claim;
  const needsOwn = persistence !== undefined && persistence.existingClaim === undefined;
  if (own && !needsOwn && isOwned(own, owner)) await applier.remove(CLAIMS, own);
  if (!persistence) return {};
  const name = mountedClaim(owner, persistence);
  if (!needsOwn) return { seen: await look(name, owner, { before: server.status?.volume, api }) };
  try {
    await applier.apply(CLAIMS, claim(owner, persistence), { seen: own });
    return { seen: seenOf(name, own) };
  } catch (thrown) {
    const problem = refusal(thrown, name);
    if (!problem) throw thrown;
    return { problem, blocks: own === undefined, ...(own && { seen: seenOf(name, own) }) };
  }
}

function isOwned({ metadata }: Claim, { uid }: Owner): boolean {
  return metadata.ownerReferences?.some((reference) => reference.uid === uid) === true;
}

/** A claim of somebody else's is not watched: one that is bound stays so. */
async function look(
  name: string,
  { namespace }: Owner,
  { before, api }: { readonly before: Volume['seen']; readonly api: VolumeTools['api'] },
): Promise<NonNullable<Volume['seen']>> {
  if (before?.claim === name && before.phase === BOUND) return before;
  return seenOf(name, await api.get<Claim>(CLAIMS, { namespace, name }));
}

const BOUND = 'Bound';

function seenOf(name: string, found: Claim | undefined): NonNullable<Volume['seen']> {
  const { phase = found ? 'Pending' : 'Missing', capacity } = found?.status ?? {};
  return { claim: name, phase, ...(capacity?.storage !== undefined && { capacity: capacity.storage }) };
}

/** Of quotas, policies and storage classes; anything else is tried again. */
function refusal(thrown: unknown, name: string): Problem | undefined {
  const status = apiStatusOf(thrown);
  if (status?.code !== 403 && status?.code !== 422) return undefined;
  return {
    reason: 'VolumeRefused',
    message: `the claim ${name} is not taken as it should be: ${status.message}`,
    hint: 'Set spec.persistence back to what the claim has, or move the data to a new claim and name it as existingClaim.',
    phase: 'schedule',
    waits: false,
  };
}
