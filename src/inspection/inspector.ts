/** Tries a package before anybody trusts it: resolved, pinned and installed as a server's is, started as restricted as can be, watched, and ended. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageInfo } from '../discovery/package-info.ts';
import { BerthError } from '../errors.ts';
import type { InstalledTree, Packages, ResolvedPackage } from '../packages/package.ts';
import type { PackagePlan, PlanRules } from '../servers/server-plan.ts';
import { Turns } from '../servers/turns.ts';
import { pythonOf } from './engine.ts';
import type { InspectionHost } from './host.ts';
import { completeSpec, type InspectionRequest } from './inspection-spec.ts';
import { type Inspections, type InspectOptions, planInspection } from './inspections.ts';
import { pinTemplate, slugOf } from './pinned-template.ts';
import type { Inspection, InspectionPhase, InspectionReport } from './report.ts';
import { toReport } from './to-report.ts';

export interface InspectorOptions {
  readonly packages: Packages;
  readonly host: InspectionHost;
  readonly rules: PlanRules;
  /** What registries say of a package; rejects when they do not. */
  readonly info: (resolved: ResolvedPackage, signal: AbortSignal) => Promise<PackageInfo>;
  /** Folder for what inspections need on disk; each removes what is its own. */
  readonly folder: string;
}

/** Inspections at one time; further ones wait. */
const PARALLEL = 2;

export class Inspector implements Inspections {
  readonly #options: InspectorOptions;
  readonly #turns = new Turns(PARALLEL);
  readonly #life = new AbortController();

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  async inspect(request: InspectionRequest, options: InspectOptions = {}): Promise<Inspection> {
    const signal = options.signal ? AbortSignal.any([options.signal, this.#life.signal]) : this.#life.signal;
    const giveBack = await this.#turns.take(signal);
    try {
      await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
      const folder = await mkdtemp(join(this.#options.folder, 'i-'));
      try {
        return await this.#inspect(request, { ...options, signal, folder });
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      }
    } finally {
      giveBack();
    }
  }

  async close(): Promise<void> {
    this.#life.abort(new BerthError('stopped', 'the gateway is stopping'));
    await this.#options.host.close();
  }

  async #inspect(request: InspectionRequest, run: Run): Promise<Inspection> {
    const { packages, host, rules, info } = this.#options;
    const { folder, signal } = run;
    const home = join(folder, 'home');
    await mkdir(home, { mode: 0o700 });
    const completed = completeSpec(request, rules.templates, home);
    const plan = planInspection(completed, rules);
    const { template } = completed.spec;
    const base = template === undefined ? undefined : rules.templates.get(template);
    const slug = slugOf(request, base, plan.source.name);
    if (!request.unsafe) await host.checkSandbox();
    const phases: InspectionPhase[] = [];
    const resolved = await timed(phases, 'resolve', () => packages.resolve(plan.source, forward(run)));
    const known = info(resolved, signal).catch(() => undefined);
    const tree = await timed(phases, 'install', () => packages.install(resolved, forward(run)));
    const signed = packages.signatures(tree, signal).catch(() => undefined);
    run.progress?.('start', request.unsafe ? 'starting it' : 'starting it in a sandbox');
    const observed = await host.observe({
      launch: this.#launch(tree, plan, { home, secrets: completed.secrets }),
      ...{ tree, folder, home, temporary: join(folder, 'tmp'), signal },
      secrets: Object.values(completed.secrets),
      network: request.network || request.unsafe,
      unsafe: request.unsafe,
    });
    const about = await known;
    const engine = await engineOf(tree);
    const signatures = await signed;
    const report = toReport({
      ...{ completed, engine, observed, about, signatures, phases },
      package: resolved,
      platform: `${process.platform}-${process.arch}`,
      sandbox: sandboxOf(request),
      elsewhere: request.unsafe ? 'unknown' : 'none',
    });
    if (report.result === 'failed') return { report };
    const { bin } = plan.source;
    const [tools, description] = [observed.offers.tools ?? [], about?.description ?? ''];
    return { report, pinned: pinTemplate({ slug, resolved, bin, request, base, tools, description }) };
  }

  #launch(
    tree: InstalledTree,
    plan: PackagePlan,
    { home, secrets }: { home: string; secrets: Readonly<Record<string, string>> },
  ) {
    const homeFiles = Object.entries(plan.homeFiles).map(([name, file]) => [name, join(home, file)]);
    const env = { ...plan.env, ...Object.fromEntries(homeFiles), ...secrets };
    return this.#options.packages.launch(tree, { args: plan.args, env, home });
  }
}

interface Run extends InspectOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
}

function sandboxOf({ unsafe, network }: InspectionRequest): InspectionReport['sandbox'] {
  if (unsafe) return { kind: 'none', network: 'machine' };
  // The kernel itself: it has a network of its own, with nothing in it.
  return network
    ? { kind: 'bubblewrap', network: 'machine' }
    : { kind: 'bubblewrap', network: 'none', enforced: 'yes' };
}

async function timed<T>(
  phases: InspectionPhase[],
  phase: InspectionPhase['phase'],
  work: () => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  const value = await work();
  phases.push({ phase, ms: Math.round(performance.now() - begun) });
  return value;
}

function forward({ signal, progress }: Run) {
  return {
    signal,
    progress: ({ phase, text }: { phase: 'resolve' | 'install'; text: string }) => progress?.(phase, text),
  };
}

async function engineOf({ path, resolved }: InstalledTree): Promise<string> {
  if (resolved.ecosystem === 'npm') return `Node ${process.versions.node}`;
  return (await pythonOf(path)) ?? 'Python';
}
