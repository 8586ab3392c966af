/** The folder of a server that stays: its claim is made, kept, or removed. */
import { apiStatusOf } from '../cluster/api-status.ts';
import type { McpServer, McpServerStatus, Persistence } from '../cluster/mcp-server.ts';
import type { Owner } from '../cluster/objects/blueprint.ts';
import { type Claim, claim, mountedClaim } from '../cluster/objects/claim.ts';
import { USABLE_LABEL } from '../cluster/objects/naming.ts';
import { CLAIMS } from '../cluster/resources.ts';
import type { Applier } from './applier.ts';
import type { ClusterApi, Observed } from './cluster-api.ts';
import type { Problem } from './problem.ts';
import type { ControllerSettings } from './settings.ts';

export interface Volume {
  readonly seen?: NonNullable<McpServerStatus['volume']>;
  /** What the API server has against the claim. */
  readonly problem?: Problem;
  /** Without the claim no pod can come up. */
  readonly blocks?: boolean;
  /** Milliseconds after which to look again: a claim of somebody else's is not watched. */
  readonly again?: number;
}

interface VolumeTools {
  readonly api: Pick<ClusterApi, 'get'>;
  readonly applier: Applier;
  /** `checksSecrets`: claims have to be released by their owners, as Secrets have. */
  readonly settings: Pick<ControllerSettings, 'checksSecrets'>;
}

interface VolumePlan {
  readonly owner: Owner;
  readonly persistence: Persistence | undefined;
  readonly replicas: number;
}

interface VolumeLook {
  readonly server: McpServer;
  readonly observed: Observed;
}

const LOOK_AGAIN = 10_000;

/** A claim that belongs to the server goes once nothing mentions it; one that is to be retained belongs to nobody. */
export async function keepVolume(plan: VolumePlan, look: VolumeLook, tools: VolumeTools): Promise<Volume> {
  const { owner, persistence } = plan;
  const { observed } = look;
  const { applier } = tools;
  const own = observed.claim;
  const needsOwn = persistence !== undefined && persistence.existingClaim === undefined;
  if (own && !needsOwn && isOwned(own, owner)) await applier.remove(CLAIMS, own);
  if (!persistence) return {};
  const name = mountedClaim(owner, persistence);
  if (!needsOwn) return await lookAtTheirs(name, plan, { look, tools });
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

/** A claim of somebody else's: one that is bound stays so, and no pod is made before it is there and released. */
async function lookAtTheirs(
  name: string,
  { owner: { namespace }, replicas }: VolumePlan,
  { look: { server, observed }, tools }: { readonly look: VolumeLook; readonly tools: VolumeTools },
): Promise<Volume> {
  const { deployment } = observed;
  const before = server.status?.volume;
  const isStart = replicas > (deployment?.spec.replicas ?? 0) || !isMounted(name, deployment);
  const isKept = before?.claim === name && before.phase === BOUND;
  if (isKept && !(isStart && tools.settings.checksSecrets)) return { seen: before };
  const found = await tools.api.get<Claim>(CLAIMS, { namespace, name });
  const seen = seenOf(name, found);
  const isReleased = found?.metadata.labels?.[USABLE_LABEL] === 'true';
  if (!tools.settings.checksSecrets || !isStart || replicas === 0 || isReleased) return { seen };
  return { seen, blocks: true, again: LOOK_AGAIN, problem: claimProblem(server, name, found) };
}

function isMounted(claimName: string, deployment: Observed['deployment']): boolean {
  const { volumes = [] } = deployment?.spec.template.spec ?? {};
  return volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claimName);
}

function claimProblem({ metadata }: McpServer, claimName: string, found: Claim | undefined): Problem {
  const { name, namespace } = metadata;
  const label = `kubectl -n ${namespace} label pvc ${claimName} ${USABLE_LABEL}=true`;
  return {
    reason: found ? 'ClaimNotReleased' : 'ReferenceMissing',
    message: `${name} waits for claim ${claimName}${found ? ', which may not be used by servers' : ''}`,
    hint: `${found ? 'To' : `Create it in the namespace ${namespace}, and to`} let servers use it: ${label}. The server starts by itself.`,
    phase: 'schedule',
    waits: true,
  };
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
