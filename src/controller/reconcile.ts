/**
 * One look at one server: what is wanted is worked out anew, applied, and what is no longer wanted removed. Nothing is remembered
 * that is not in the cluster, so that it may be cut off anywhere and done again.
 */
import type { McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { disruptionBudget } from '../cluster/objects/account.ts';
import type { Blueprint } from '../cluster/objects/blueprint.ts';
import { capacityOf } from '../cluster/objects/capacity.ts';
import type { Generation } from '../cluster/objects/config-secret.ts';
import { type Deployment, deployment, TREE_ANNOTATION } from '../cluster/objects/deployment.ts';
import { networkPolicy } from '../cluster/objects/network-policy.ts';
import { DEPLOYMENTS, DISRUPTION_BUDGETS, NETWORK_POLICIES } from '../cluster/resources.ts';
import { BerthError } from '../errors.ts';
import { apiRefusal } from './api-refusal.ts';
import type { Applier } from './applier.ts';
import type { ClusterApi, Observed } from './cluster-api.ts';
import { tellDeletionCost } from './deletion-cost.ts';
import {
  checkInstalled,
  type Install,
  type InstallTools,
  installTree,
  keepInstallerPolicy,
  keepTree,
} from './install.ts';
import { withKnownEras } from './known-eras.ts';
import { type FindServer, type Need, needsOf, needsProblem } from './needs.ts';
import { isToStop, type Plan, planMcpServer } from './plan.ts';
import { type HeldUp, lookAtHeldUp, type PodWarnings } from './pod-warnings.ts';
import { type Problem, refusalProblem } from './problem.ts';
import { askReplicas, type Replica, type ReplicaProbe, sessionsOf } from './replica-probe.ts';
import { keepsPods, SETTINGS_ANNOTATION, SPEC_ANNOTATION, settingsHash, specHash } from './rollout.ts';
import type { SecretCheck } from './secret-check.ts';
import { lookAtSecrets, type SecretGate } from './secret-gate.ts';
import { SecretLedger } from './secrets.ts';
import { sleepIfUnused } from './sleep.ts';
import { type StatusInput, statusOf } from './status.ts';
import { type CertificateTools, keepSupervisorCertificate, usedLinkPort } from './supervisor-certificate.ts';
import { tidy } from './tidy.ts';
import { together } from './together.ts';
import { keepVolume, type Volume } from './volume.ts';

/** Milliseconds between looks at a replica whose first handshake is under way. */
const LOOK_AGAIN = 2_000;
/** Milliseconds to the next try of what the API server has refused: rights and labels that come with it may be a moment late. */
const REFUSED_FIRST = 1_000;
/** The same when that was of no use: nobody is told when a quota or a policy changes. */
const REFUSED_AGAIN = 20_000;

export interface ReconcileTools extends InstallTools, CertificateTools {
  readonly api: ClusterApi;
  readonly applier: Applier;
  readonly probe?: ReplicaProbe;
  readonly warnings?: PodWarnings;
  /** Absent where nothing tells which Secrets servers may have. */
  readonly secretCheck?: SecretCheck | undefined;
  /** Another server, as it was last seen. */
  readonly find: FindServer;
}

export interface Outcome {
  readonly status: McpServerStatus;
  /** Milliseconds after which to look again, if nothing happens before. */
  readonly again?: number;
}

/** Rejects with what may pass by itself, such as a conflict or an API server that is not well: then it is to be tried again. */
export async function reconcile(
  server: McpServer,
  observed: Observed,
  { tools, signal }: { readonly tools: ReconcileTools; readonly signal: AbortSignal },
): Promise<Outcome> {
  const replicas = await askReplicas(observed.pods, tools.probe, signal);
  const heldUp = await lookAtHeldUp(observed, tools, signal);
  let look: Look = { server, observed, replicas, needs: needsOf(server, tools.find), heldUp };
  try {
    // Before anything that may be refused: what is stopped stops, whatever is wrong with it.
    if (isToStop(server)) look = await stop(look, tools);
    return await seeTo(look, tools, signal);
  } catch (thrown) {
    const problem = apiRefusal(thrown);
    if (!problem) throw thrown;
    const known = server.status?.reason === problem.reason;
    return sooner(refused(look, tools, problem), known ? REFUSED_AGAIN : REFUSED_FIRST);
  }
}

async function stop(look: Look, { api }: ReconcileTools): Promise<Look> {
  const { observed } = look;
  return { ...look, observed: { ...observed, deployment: await scale(observed.deployment, 0, api) } };
}

async function seeTo(look: Look, tools: ReconcileTools, signal: AbortSignal): Promise<Outcome> {
  const { server, observed, replicas } = look;
  let plan: Plan;
  try {
    plan = planMcpServer(server, tools);
    checkInstalled(plan, observed, tools.settings.packages);
  } catch (thrown) {
    if (!(thrown instanceof BerthError) || thrown.code === 'internal') throw thrown;
    return refused(look, tools, refusalProblem(thrown));
  }
  await tellDeletionCost(replicas, tools.api);
  const planned = { ...look, capacity: capacityOf(plan.blueprint(), tools.settings.pods) };
  const asleep = await sleepIfUnused(
    { ...look, deployment: observed.deployment, after: plan.replicas > 0 ? plan.sleep : 0 },
    tools,
    signal,
  );
  // The watch brings the server back as it is then.
  if (asleep) return outcome(planned, tools, { wanted: plan.replicas });
  try {
    return await converge(planned, plan, tools);
  } catch (thrown) {
    // Only our own objects say that: the API server never blames the caller.
    if (!(thrown instanceof BerthError) || thrown.code !== 'bad-input') throw thrown;
    return refused(planned, tools, refusalProblem(thrown));
  }
}

/** One that has been stopped is told of as that; what stands in the way of its next start is told then. */
function refused(look: Look, tools: ReconcileTools, problem: Problem): Outcome {
  const isStopped = isToStop(look.server) && look.observed.deployment?.spec.replicas === 0;
  return outcome(look.capacity ? look : asBefore(look), tools, isStopped ? { wanted: 0 } : { problem });
}

interface Look {
  readonly server: McpServer;
  readonly observed: Observed;
  readonly replicas: readonly Replica[];
  readonly needs: readonly Need[];
  readonly heldUp: HeldUp | undefined;
  readonly capacity?: NonNullable<McpServerStatus['capacity']>;
}

async function converge(look: Look, plan: Plan, tools: ReconcileTools): Promise<Outcome> {
  const { observed } = look;
  const { applier, settings } = tools;
  const linkPort = settings.pods.linkPort ?? usedLinkPort(observed);
  // None of them needs another one, and somebody may wait for the pods.
  const [ledger, volume, gate] = await together([
    SecretLedger.open(tools, plan.owner),
    keepVolume(plan, look, tools),
    lookAtSecrets(look, plan, tools.secretCheck),
    applier.apply(NETWORK_POLICIES, networkPolicy(plan.blueprint(), settings.pods, linkPort)),
    keepInstallerPolicy(plan, tools),
    applier.apply(DISRUPTION_BUDGETS, disruptionBudget(plan.owner)),
  ]);
  if (settings.pods.linkPort !== undefined) await keepSupervisorCertificate(plan.owner, ledger, tools);
  if (gate.isWithdrawn) await scale(observed.deployment, 0, tools.api);
  const done =
    gate.isWithdrawn || volume.blocks
      ? outcome(look, tools, { wanted: plan.replicas, volume, ...problemOf(gate) })
      : await keepReplicas(look, plan, { tools, ledger, volume, gate });
  return sooner(done, gate.again, volume.again);
}

interface Keeping {
  readonly tools: ReconcileTools;
  readonly ledger: SecretLedger;
  readonly volume: Volume;
  readonly gate: SecretGate;
}

async function keepReplicas(
  look: Look,
  plan: Plan,
  { tools, ledger, volume, gate }: Keeping,
): Promise<Outcome> {
  const { server, observed, replicas } = look;
  const { settings, api } = tools;
  const found = { wanted: plan.replicas, volume };
  const question = {
    server,
    settings,
    existing: observed.deployment,
    sessions: sessionsOf(replicas),
  };
  const fewer = Math.min(plan.replicas, observed.deployment?.spec.replicas ?? 0);
  if (keepsPods(question)) {
    await scale(observed.deployment, gate.isHeld ? fewer : plan.replicas, api);
    const install = await keepTree(plan, observed, { ledger, tools });
    await tidy(look, plan, { ledger, tools, install });
    return outcome(asBefore(look), tools, { ...found, ...(install && { install }), ...problemOf(gate) });
  }
  const needs = waitsFor(look, plan, tools);
  const waits = gate.isHeld || needs !== undefined;
  const install = plan.source && (await installTree(plan, observed, { ledger, tools }));
  if (waits || (install && install.state !== 'done')) {
    // The version before goes on; only how many of it there are is up to date.
    await scale(observed.deployment, waits ? fewer : plan.replicas, api);
    await tidy(look, plan, { ledger, tools, ...(install && { install }) });
    if (install && install.state !== 'done') return outcome(look, tools, { ...found, install });
    const problem = needs ? { problem: needs } : problemOf(gate);
    return outcome(look, tools, { ...found, ...(install && { install }), ...problem });
  }
  const made = await makeReplicas(look, plan.blueprint(install?.installed.tree), { ledger, tools, install });
  await tidy(look, plan, { ledger, tools, made, ...(install && { install }) });
  return outcome(look, tools, { ...found, ...(install && { install }), ...problemOf(gate) });
}

/** What runs on as it is has the room that it had. */
function asBefore({ capacity: _planned, ...look }: Look): Look {
  const { capacity } = look.server.status ?? {};
  return { ...look, ...(capacity && { capacity }) };
}

function problemOf({ problem }: SecretGate): { readonly problem?: Problem } {
  return problem ? { problem } : {};
}

function sooner({ status, again }: Outcome, ...others: readonly (number | undefined)[]): Outcome {
  const all = [again, ...others].filter((one) => one !== undefined);
  return all.length > 0 ? { status, again: Math.min(...all) } : { status };
}

/** What runs goes on: only a start waits for other servers. */
function waitsFor({ server, observed, needs }: Look, plan: Plan, tools: ReconcileTools): Problem | undefined {
  const runs = (observed.deployment?.spec.replicas ?? 0) > 0;
  return runs || plan.replicas === 0 ? undefined : needsProblem(server, needs, tools.find);
}

interface Making {
  readonly ledger: SecretLedger;
  readonly tools: ReconcileTools;
  readonly install?: Install | undefined;
}

async function makeReplicas(
  { server, observed, replicas }: Look,
  plain: Blueprint,
  making: Making,
): Promise<Generation> {
  const { ledger, tools, install } = making;
  const { pods } = tools.settings;
  // What was written down a moment ago counts, though the watch may not have shown it yet: otherwise pods would be made twice.
  const existing = tools.applier.newest(DEPLOYMENTS, observed.deployment);
  const question = { blueprint: plain, settings: pods, existing, replicas };
  const { generation, blueprint, annotations: known } = withKnownEras(question);
  await ledger.make([generation.secret]);
  const annotations = {
    ...known,
    [SPEC_ANNOTATION]: specHash(server),
    [SETTINGS_ANNOTATION]: settingsHash(tools.settings),
    ...(install?.state === 'done' && { [TREE_ANNOTATION]: JSON.stringify(install.installed) }),
  };
  const wanted = deployment({ blueprint, settings: pods, generation: generation.name, annotations });
  await tools.applier.apply(DEPLOYMENTS, wanted, { seen: observed.deployment });
  return generation;
}

/** Of a Deployment that is left as it is only the number of replicas follows; resolves with what it is then. */
async function scale(
  existing: Deployment | undefined,
  replicas: number,
  api: ClusterApi,
): Promise<Deployment | undefined> {
  if (!existing || existing.spec.replicas === replicas) return existing;
  const { namespace, name = '' } = existing.metadata;
  return await api.patch<Deployment>(DEPLOYMENTS, { namespace, name }, { patch: { spec: { replicas } } });
}

function outcome(
  look: Look,
  tools: ReconcileTools,
  found: Pick<StatusInput, 'wanted' | 'install' | 'problem' | 'volume'>,
): Outcome {
  const { settings, now } = tools;
  const { publicUrl } = settings;
  const { heldUp, ...seen } = look;
  const { warning } = heldUp ?? {};
  const status = statusOf({
    ...{ ...seen, ...found, now: now() },
    ...(warning && { warning }),
    ...(publicUrl !== undefined && { publicUrl }),
  });
  const { install } = found;
  if (install?.state === 'failed') return { status, again: Math.max(1_000, install.retryAt - now()) };
  // What becomes of a first handshake shows nowhere but in the supervisor.
  const isHandshaking = status.state === 'starting' && look.replicas.some(({ report }) => report);
  if (isHandshaking) return { status, again: LOOK_AGAIN };
  return heldUp ? { status, again: heldUp.again } : { status };
}
