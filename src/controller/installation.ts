/** Where the installation of a package stands, read from its Jobs, and what comes next. */
import { z } from 'zod';
import type { Tree } from '../cluster/objects/blueprint.ts';
import { type Deployment, TREE_ANNOTATION } from '../cluster/objects/deployment.ts';
import type { Job } from '../cluster/objects/installer-job.ts';
import { ATTEMPT_LABEL, INPUT_LABEL, shortHash } from '../cluster/objects/naming.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import type { PackageSource } from '../packages/package.ts';
import type { Observed } from './cluster-api.ts';
import type { Problem } from './problem.ts';

/** A tree that servers run from. */
export interface InstalledTree {
  /** Hash of the package that was asked for. */
  readonly source: string;
  readonly runner: string;
  readonly tree: Tree;
}

/** Installed, being installed, or failed with a time for the next attempt. */
export type Installation =
  | { readonly state: 'done'; readonly installed: InstalledTree }
  | { readonly state: 'running'; readonly attempt: number }
  | {
      readonly state: 'failed';
      readonly attempt: number;
      readonly problem: Problem;
      readonly retryAt: number;
    };

const FIRST_RETRY = 15_000;
const LONGEST_RETRY = 10 * 60_000;

const text = z.string();
const treeSchema = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  package: z.object({ ecosystem: text, name: text, version: text }),
  launch: z.object({ file: text, args: z.array(text), env: z.record(text, text), cwd: text }),
  signatures: z.object({ total: z.int(), verified: z.int(), forged: z.array(text) }).exactOptional(),
});
const installedSchema = z.object({ source: text, runner: text, tree: treeSchema });
const errorSchema = z.object({
  error: z.object({ phase: text, message: text, hint: text, stderr: z.array(text).default([]) }),
});

/** The same request has the same hash. */
export function sourceHash(source: PackageSource): string {
  return shortHash([
    source.ecosystem,
    source.name,
    source.version ?? '',
    source.bin ?? '',
    source.allowInstallScripts ?? false,
    source.constraints ?? [],
    // Left out where there are none: servers of before keep their hash, and so their pods.
    ...(source.overrides ? [source.overrides] : []),
  ]);
}

/** What an installer Job is labelled with: package and runner image. */
export function installInput(source: PackageSource, runner: string): string {
  return shortHash([sourceHash(source), source.version ?? '', runner]);
}

/** What the Deployment runs from, whatever it was asked for. */
export function recordedTree(deployment: Deployment | undefined): InstalledTree | undefined {
  const found = deployment?.metadata.annotations?.[TREE_ANNOTATION];
  return found === undefined ? undefined : installedSchema.safeParse(parseJson(found)).data;
}

export interface InstallQuestion {
  /** To be installed: the version is the recorded one where there is one. */
  readonly source: PackageSource;
  /** Hash of what was asked for. */
  readonly asked: string;
  readonly runner: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The newest attempt decides; without any the first is to be made. */
export function installationOf({ jobs, installers }: Observed, question: InstallQuestion): Installation {
  const { source, asked, runner, now } = question;
  const input = installInput(source, runner);
  const own = jobs.filter(({ metadata }) => metadata.labels?.[INPUT_LABEL] === input);
  const newest = own.sort((a, b) => attemptOf(b) - attemptOf(a))[0];
  if (!newest) return { state: 'running', attempt: 0 };
  const attempt = attemptOf(newest);
  const ended = endOf(newest);
  if (!ended) return { state: 'running', attempt };
  const pod = podOf(installers, newest);
  const terminated = pod?.status?.containerStatuses?.[0]?.state?.terminated;
  const said = terminated?.message ?? '';
  const tree = treeSchema.safeParse(parseJson(said)).data;
  if (ended.type === 'Complete' && tree) return { state: 'done', installed: { source: asked, runner, tree } };
  const retryAt = ended.at + Math.min(FIRST_RETRY * 2 ** attempt, LONGEST_RETRY);
  if (retryAt <= now) return { state: 'running', attempt: attempt + 1 };
  // Jobs and pods are watched apart: what its pod said has not been seen yet.
  if (ended.type === 'Complete' && pod && !terminated) return { state: 'running', attempt };
  return { state: 'failed', attempt, problem: problemOf(said, newest, pod), retryAt };
}

/** From 0 on. */
export function attemptOf({ metadata }: Job): number {
  return Number(metadata.labels?.[ATTEMPT_LABEL] ?? 0);
}

interface End {
  readonly type: string;
  readonly at: number;
}

function endOf({ status }: Job): End | undefined {
  const ended = status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
  return ended && { type: ended.type, at: Date.parse(ended.lastTransitionTime ?? '') || 0 };
}

function podOf(installers: readonly Pod[], { metadata: { uid } }: Job): Pod | undefined {
  return installers.find(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
}

function problemOf(said: string, job: Job, pod: Pod | undefined): Problem {
  const read = errorSchema.safeParse(parseJson(said)).data?.error;
  const failed = job.status?.conditions?.find(({ type }) => type === 'Failed');
  // One that was there counts as failed, also when it is gone.
  const hadPod = pod !== undefined || (job.status?.failed ?? 0) > 0;
  if (failed?.reason === 'DeadlineExceeded' && !hadPod) return neverRan(job);
  if (!read)
    return {
      reason: failed?.reason === 'DeadlineExceeded' ? 'InstallTimeout' : 'InstallFailed',
      message: said.trim() || failed?.message || 'the installer ended without a word',
      hint: 'Another attempt follows. Look at the Job: kubectl logs job/…, and whether registries can be reached from the cluster.',
      phase: 'install',
      waits: false,
    };
  const lines = read.stderr.length > 0 ? `\n${read.stderr.join('\n')}` : '';
  return {
    reason: read.phase === 'resolve' ? 'ResolveFailed' : 'InstallFailed',
    message: `${read.message}${lines}`,
    hint: read.hint,
    phase: read.phase === 'resolve' ? 'resolve' : 'install',
    waits: false,
  };
}

function neverRan({ metadata: { name }, spec: { activeDeadlineSeconds: seconds } }: Job): Problem {
  return {
    reason: 'InstallTimeout',
    message: `the cluster has made no pod for the installer in ${seconds} s`,
    hint: `Another attempt follows. A quota, a limit range, a policy or a webhook of the namespace refuses the pod: kubectl describe job ${name} says which.`,
    phase: 'schedule',
    waits: false,
  };
}

function parseJson(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return undefined;
  }
}
