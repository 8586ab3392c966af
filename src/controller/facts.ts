/** What the conditions of a server's status say. */
import type { McpServerState } from '../cluster/mcp-server.ts';
import { lastWords } from '../log/last-words.ts';
import type { Observed } from './cluster-api.ts';
import type { Facts } from './conditions.ts';
import type { Install } from './install.ts';
import { recordedTree } from './installation.ts';
import { type Need, unmet } from './needs.ts';
import type { Problem } from './problem.ts';

/** A server's state in short. */
export interface Summary {
  readonly state: McpServerState;
  readonly reason: string;
  readonly message: string;
  readonly problem?: Problem;
}

export interface FactsInput {
  readonly install?: Install;
  readonly observed: Observed;
  readonly needs: readonly Need[];
  readonly summary: Summary;
  /** Replicas. */
  readonly wanted: number;
  readonly ready: number;
}

export function factsOf({ install, observed, needs, summary, wanted, ready }: FactsInput): Facts {
  const { state, reason, message, problem } = summary;
  const text = problem ? `${message}${saidLast(problem)} — ${problem.hint}` : message;
  const isReady = wanted > 0 && ready >= wanted;
  const moves =
    state === 'starting' ||
    state === 'scaling' ||
    state === 'pending' ||
    reason === 'Installing' ||
    reason === 'Reinstalling' ||
    reason === 'RollingOut';
  return {
    Ready: {
      status: isReady ? 'True' : 'False',
      reason: isReady ? 'Ready' : reason,
      message: isReady ? `${ready} replicas are ready` : text,
    },
    Progressing: { status: moves ? 'True' : 'False', reason, message: text },
    ...installedFact(install, observed),
    ...dependenciesFact(needs),
    Degraded: problem
      ? { status: 'True', reason, message: text }
      : { status: 'False', reason: 'AsExpected', message: 'nothing stands in the way' },
  };
}

function saidLast({ failure }: Problem): string {
  const last = lastWords(failure?.stderr ?? []);
  return last === undefined ? '' : `: ${last}`;
}

function installedFact(install: Install | undefined, { deployment }: Observed): Facts {
  if (install?.state === 'failed') {
    const { reason, message, hint } = install.problem;
    return { Installed: { status: 'False', reason, message: `${message} — ${hint}` } };
  }
  if (install?.state === 'running')
    return {
      Installed: {
        status: 'False',
        reason: installReason(install.again),
        message: install.again
          ? `the package store has lost the package: the Job ${install.job} installs it again`
          : `the Job ${install.job} installs the package`,
      },
    };
  const tree = install?.installed.tree ?? recordedTree(deployment)?.tree;
  if (!tree) return {};
  return {
    Installed: {
      status: 'True',
      reason: 'Installed',
      message: `${tree.package.name} ${tree.package.version} is installed`,
    },
  };
}

/** Also of a server that runs already and has lost what it needs: it goes on. */
function dependenciesFact(needs: readonly Need[]): Facts {
  if (needs.length === 0) return {};
  const missing = needs.filter(({ met }) => !met);
  const message =
    missing.length === 0
      ? `${needs.map(({ name }) => name).join(', ')}: there`
      : missing.map(({ why, optional }) => `${optional ? 'without ' : 'needs '}${why}`).join('; ');
  const met = unmet(needs).length === 0;
  return {
    Dependencies: met
      ? { status: 'True', reason: missing.length === 0 ? 'Met' : 'OptionalMissing', message }
      : { status: 'False', reason: 'Missing', message },
  };
}

/** Of an installation that goes on. `again`: the package store has lost what was installed. */
export function installReason(again: boolean): string {
  return again ? 'Reinstalling' : 'Installing';
}
