/** Sees to it that a package has a tree: the recorded one, or that of an installer Job. */
import { installSecret } from '../cluster/objects/config-secret.ts';
import { installerJob } from '../cluster/objects/installer-job.ts';
import { installName } from '../cluster/objects/naming.ts';
import { installerPolicy } from '../cluster/objects/network-policy.ts';
import { JOBS, NETWORK_POLICIES } from '../cluster/resources.ts';
import type { PackageSource } from '../packages/package.ts';
import { checkPackageAllowed, type PackageRules } from '../packages/package-rules.ts';
import { treeToken } from '../trees/token.ts';
import type { Applier } from './applier.ts';
import type { Observed } from './cluster-api.ts';
import {
  type InstalledTree,
  installationOf,
  installInput,
  recordedTree,
  sourceHash,
} from './installation.ts';
import type { Plan, PlanInput } from './plan.ts';
import type { Problem } from './problem.ts';
import type { SecretLedger } from './secrets.ts';

export interface InstallTools extends PlanInput {
  readonly applier: Applier;
  readonly trees: TreesProbe;
  /** Of the tokens of installers. */
  readonly treesKey: () => Promise<Buffer>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface TreesProbe {
  /** Whether berth-trees has it; undefined when it cannot be asked. It counts as used now. */
  has(digest: string): Promise<boolean | undefined>;
}

/** What was installed may have been blocked since then: throws `not-allowed`. */
export function checkInstalled({ source }: Plan, observed: Observed, rules: PackageRules): void {
  const recorded = recordedTree(observed.deployment);
  if (source && recorded?.source === sourceHash(source))
    checkPackageAllowed({ ...recorded.tree.package, ecosystem: source.ecosystem }, rules);
}

/** How an installation stands; while it is not done, its Job is there, and a Secret of the same name. */
export type Install =
  | { readonly state: 'done'; readonly installed: InstalledTree }
  | {
      readonly state: 'running';
      readonly job: string;
      /** What its replicas run from: the package store has lost it. */
      readonly again: boolean;
    }
  | { readonly state: 'failed'; readonly job: string; readonly problem: Problem; readonly retryAt: number };

/** What goes on is told by the Job; this makes the one that is to be there. */
export async function installTree(
  plan: Plan,
  observed: Observed,
  { ledger, tools }: { readonly ledger: SecretLedger; readonly tools: InstallTools },
): Promise<Install> {
  const { owner } = plan;
  const asked = plan.source as PackageSource;
  const { runner } = tools.settings.pods.images;
  const recorded = recordedTree(observed.deployment);
  const known = recorded?.source === sourceHash(asked) ? recorded : undefined;
  if (known?.runner === runner && (await tools.trees.has(known.tree.digest)) !== false)
    return { state: 'done', installed: known };
  // What was resolved once stays resolved.
  const source = known ? { ...asked, version: known.tree.package.version } : asked;
  const question = { source, asked: sourceHash(asked), runner, now: tools.now() };
  const installation = installationOf(observed, question);
  if (installation.state === 'done') return installation;
  const { attempt } = installation;
  const input = installInput(source, runner);
  const name = installName(owner, input, attempt);
  if (installation.state === 'failed') return { ...installation, job: name };
  await ledger.make([installSecret(owner, name, treeToken(await tools.treesKey(), name))]);
  const seen = observed.jobs.find(({ metadata }) => metadata.name === name);
  // A Job's template cannot be changed: one that is there is the right one, as its name says.
  if (!seen) {
    const job = installerJob(
      { owner, source, input, attempt, signatures: plan.isTried },
      tools.settings.pods,
    );
    await tools.applier.apply(JOBS, job, { seen });
  }
  return { state: 'running', job: name, again: known?.runner === runner };
}

/** Sees to it that what is left as it is can start again: its tree is there, for the image that it runs in. */
export async function keepTree(
  plan: Plan,
  observed: Observed,
  { ledger, tools }: { readonly ledger: SecretLedger; readonly tools: InstallTools },
): Promise<Install | undefined> {
  const recorded = recordedTree(observed.deployment);
  if (!plan.source || recorded?.source !== sourceHash(plan.source)) return undefined;
  const { settings } = tools;
  const images = { ...settings.pods.images, runner: recorded.runner };
  const before = { ...settings, pods: { ...settings.pods, images } };
  return await installTree(plan, observed, { ledger, tools: { ...tools, settings: before } });
}

/** Removes installer Jobs but those to keep. */
export async function removeInstallers(
  { jobs }: Observed,
  { applier, keep }: { readonly applier: Applier; readonly keep: readonly string[] },
): Promise<void> {
  for (const job of jobs) if (!keep.includes(job.metadata.name ?? '')) await applier.remove(JOBS, job);
}

/** The policy of the installers is there as long as the server is a package: before the first Job, and after the last. */
export async function keepInstallerPolicy(
  { owner, source }: Plan,
  { applier, settings }: InstallTools,
): Promise<void> {
  const policy = installerPolicy({ owner }, settings.pods);
  if (source) await applier.apply(NETWORK_POLICIES, policy);
  else await applier.ensureAbsent(NETWORK_POLICIES, policy);
}
