/** Tries a package before anybody trusts it: resolved, pinned and installed as a server's is, started as restricted as can be, watched, and ended. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageInfo } from '../discovery/package-info.ts';
import { BerthError, errorData, toBerthError } from '../errors.ts';
import type { InstalledTree, Packages, ResolvedPackage, TreeSignatures } from '../packages/package.ts';
import type { PackagePlan, PlanRules } from '../servers/server-plan.ts';
import { planServer } from '../servers/server-plan.ts';
import { Turns } from '../servers/turns.ts';
import type { InspectionHost, Observation } from './host.ts';
import { type CompletedSpec, completeSpec, type InspectionRequest } from './inspection-spec.ts';
import { pinTemplate, slugOf } from './pinned-template.ts';
import type { Inspection, InspectionPhase, InspectionReport } from './report.ts';

export interface InspectorOptions {
  readonly packages: Packages;
  readonly host: InspectionHost;
  readonly rules: PlanRules;
  /** What registries say of a package; rejects when they do not. */
  readonly info: (resolved: ResolvedPackage, signal: AbortSignal) => Promise<PackageInfo>;
  /** Folder for what inspections need on disk; each removes what is its own. */
  readonly folder: string;
}

export interface InspectOptions {
  readonly signal?: AbortSignal;
  /** Told how far it has come. */
  readonly progress?: (phase: InspectionPhase['phase'], text: string) => void;
}

/** Inspections at one time; further ones wait. */
const PARALLEL = 2;

export class Inspector {
  readonly #options: InspectorOptions;
  readonly #turns = new Turns(PARALLEL);
  readonly #life = new AbortController();

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /**
   * What a package does is the result, also when it does not start. Rejects with what keeps it from being tried at all: `bad-input`,
   * `not-found`, `not-allowed` (a gate, or nothing here that can contain it), `resolve-failed`, `install-failed`.
   */
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

  /** Gives up what is under way. Idempotent. */
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
    const plan = packagePlan(completed, rules);
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
    const report = toReport({ request, completed, resolved, engine, observed, about, signatures, phases });
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

interface Outcome {
  readonly request: InspectionRequest;
  readonly completed: CompletedSpec;
  readonly resolved: ResolvedPackage;
  /** What it ran on. */
  readonly engine: string;
  readonly observed: Observation;
  readonly about: PackageInfo | undefined;
  readonly signatures: TreeSignatures | undefined;
  readonly phases: readonly InspectionPhase[];
}

function packagePlan({ spec }: CompletedSpec, rules: PlanRules): PackagePlan {
  const plan = planServer(spec, rules);
  if (!plan.remote) return plan;
  throw new BerthError('bad-input', 'a remote server runs elsewhere: there is nothing to start here', {
    hint: 'Only what it offers can be seen: berth run it, then berth tools.',
  });
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

function toReport({
  request,
  completed,
  resolved,
  engine,
  observed,
  about,
  signatures,
  phases,
}: Outcome): InspectionReport {
  const { ecosystem, name, version, integrity } = resolved;
  const { report, offers, failure, written, stderr } = observed;
  const { template } = completed.spec;
  const listed = (list: keyof Observation['offers'], capability: string) =>
    offers[list] ?? (report && !(capability in report.capabilities) ? [] : 'unknown');
  return {
    v: 1,
    inspectedAt: new Date().toISOString(),
    platform: `${process.platform}-${process.arch}`,
    result: failure ? 'failed' : 'passed',
    ...(template !== undefined && { template }),
    package: { ecosystem, name, version, integrity: integrity ?? about?.integrity ?? 'unknown' },
    engine: { needs: about?.engines ?? 'unknown', used: engine },
    provenance: about?.provenance === 'yes' ? 'known' : 'unknown',
    signatures:
      signatures && (signatures.verified > 0 || signatures.forged.length > 0) ? signatures : 'unknown',
    sandbox: {
      kind: request.unsafe ? 'none' : 'bubblewrap',
      network: request.network || request.unsafe ? 'machine' : 'none',
    },
    ...(report && {
      server: {
        ...report.serverInfo,
        protocolVersion: report.protocolVersion,
        eras: report.eras ?? [],
        capabilities: report.capabilities,
      },
    }),
    tools: listed('tools', 'tools'),
    prompts: listed('prompts', 'prompts'),
    resources: listed('resources', 'resources'),
    resourceTemplates: listed('resourceTemplates', 'resources'),
    phases: [...phases, ...observed.phases],
    peakMemoryBytes: observed.peakMemoryBytes ?? 'unknown',
    filesWritten: { ...written, elsewhere: request.unsafe ? 'unknown' : 'none' },
    filesRead: 'unknown',
    hosts: observed.hosts ?? 'unknown',
    addresses: 'unknown',
    inputs: completed.madeUp,
    stderr,
    ...(failure && { failure: { message: failure.message, ...errorData(toBerthError(failure)) } }),
  };
}

async function engineOf({ path, resolved }: InstalledTree): Promise<string> {
  if (resolved.ecosystem === 'npm') return `Node ${process.versions.node}`;
  const settings = await readFile(join(path, 'venv', 'pyvenv.cfg'), 'utf8').catch(() => '');
  const version = /^version(?:_info)?\s*=\s*(\S+)/m.exec(settings)?.[1];
  return version === undefined ? 'Python' : `Python ${version}`;
}
