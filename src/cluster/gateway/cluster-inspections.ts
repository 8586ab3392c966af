/**
 * Tries packages in a cluster: each in a pod of its own, made by the controller as the pod of any server, of an MCPServer that nobody
 * else is shown and that is removed at the end. What is seen is told by the supervisor of the pod.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError } from '../../errors.ts';
import { completeSpec, type InspectionRequest } from '../../inspection/inspection-spec.ts';
import { type Inspections, type InspectOptions, planInspection } from '../../inspection/inspections.ts';
import type { InspectorOptions } from '../../inspection/inspector.ts';
import { pinTemplate, slugOf } from '../../inspection/pinned-template.ts';
import type { Inspection } from '../../inspection/report.ts';
import { toReport } from '../../inspection/to-report.ts';
import type { PlanRules } from '../../servers/server-plan.ts';
import type { ServerSpec } from '../../servers/server-spec.ts';
import { Turns } from '../../servers/turns.ts';
import type { ApiClient } from '../api-client.ts';
import { inspectionMeta } from '../inspection.ts';
import type { McpServer } from '../mcp-server.ts';
import { PLACE } from '../objects/places.ts';
import { MCP_SERVERS } from '../resources.ts';
import { fromServerSpec } from '../server-convert.ts';
import type { ClusterView } from './cluster-view.ts';
import { awaitTrial, type Trial, treeOf } from './trial-pod.ts';
import { observationOf } from './trial-report.ts';

export interface ClusterInspectionsOptions {
  readonly client: Pick<ApiClient, 'apply' | 'remove'>;
  readonly view: Pick<ClusterView, 'inspection' | 'inspections' | 'replicas' | 'podsOf' | 'deployment'>;
  /** Of the servers. */
  readonly namespace: string;
  readonly rules: PlanRules;
  /** What registries say of a package; rejects when they do not. */
  readonly info: InspectorOptions['info'];
  /** What could not be removed; the controller removes it at its time. */
  readonly onLeft?: (name: string, error: unknown) => void;
  /** Milliseconds between looks. */
  readonly every?: number;
}

/** Inspections of one gateway at one time, further ones wait; and of all gateways, left-over ones included. */
const PARALLEL = 2;
const MOST = 8;
/** Milliseconds in which one has to be done: as long as an installation and two patient starts may take. */
const LIMIT = 30 * 60_000;
const NAME_BYTES = 6;
const MANAGER = 'berth-gateway';
/** Milliseconds that its processes get to end: it has no sessions that could finish. */
const DRAIN = 15_000;
const LOOK_EVERY = 500;
const REMOVE_TRIES = 3;

export class ClusterInspections implements Inspections {
  readonly #options: ClusterInspectionsOptions;
  readonly #turns = new Turns(PARALLEL);
  readonly #life = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: ClusterInspectionsOptions) {
    this.#options = options;
  }

  async inspect(request: InspectionRequest, options: InspectOptions = {}): Promise<Inspection> {
    if (request.unsafe) throw alwaysHeld();
    const signal = options.signal ? AbortSignal.any([options.signal, this.#life.signal]) : this.#life.signal;
    const giveBack = await this.#turns.take(signal);
    const running = this.#inspect(request, { ...options, signal }).finally(giveBack);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Resolves when nothing is left of what was under way. */
  async close(): Promise<void> {
    this.#life.abort(new BerthError('stopped', 'the gateway is stopping'));
    await Promise.allSettled(this.#running);
  }

  async #inspect(request: InspectionRequest, run: Run): Promise<Inspection> {
    const { rules, info } = this.#options;
    const completed = completeSpec(request, rules.templates, PLACE.home);
    const plan = planInspection(completed, rules);
    const { template } = completed.spec;
    const base = template === undefined ? undefined : rules.templates.get(template);
    const slug = slugOf(request, base, plan.source.name);
    this.#checkRoom();
    const { seen, phases, tree } = await this.#try(request, completed, run);
    const { ecosystem } = plan.source;
    const { name, version } = tree?.package ?? { name: plan.source.name, version: 'unknown' };
    const resolved = { ecosystem, name, version, allowInstallScripts: false, constraints: [] };
    const about = tree && (await info(resolved, run.signal).catch(() => undefined));
    const observed = observationOf(seen);
    const report = toReport({
      ...{ completed, observed, about, phases, package: resolved },
      platform: seen.platform,
      engine: seen.engine ?? (ecosystem === 'npm' ? 'Node' : 'Python'),
      sandbox: request.network
        ? { kind: 'pod', network: 'public' }
        : { kind: 'pod', network: 'none', enforced: seen.isolation },
      // Some of what every container can write is not looked at.
      elsewhere: 'unknown',
      signatures: tree?.signatures,
    });
    if (report.result === 'failed' || !tree) return { report };
    const [tools, description] = [observed.offers.tools ?? [], about?.description ?? ''];
    const { bin } = plan.source;
    return { report, pinned: pinTemplate({ slug, resolved, bin, request, base, tools, description }) };
  }

  /** The object is gone at the end, or about to go, whatever comes of it. */
  async #try(request: InspectionRequest, { spec, secrets }: Completed, run: Run) {
    const { client, view, namespace, every = LOOK_EVERY } = this.#options;
    const name = `inspect-${randomBytes(NAME_BYTES).toString('hex')}`;
    const until = Date.now() + LIMIT;
    const mark = { until: new Date(until).toISOString(), secrets };
    try {
      const wanted = {
        metadata: { name, namespace, ...inspectionMeta(mark) },
        spec: trialSpec(name, spec, request),
      };
      const made = await client.apply<McpServer>(MCP_SERVERS, wanted, { manager: MANAGER });
      const trial: Trial = { name, uid: made.metadata.uid ?? '', until, every };
      const { seen, phases } = await awaitTrial(view, trial, run);
      return { seen, phases, tree: treeOf(view, name) };
    } finally {
      await this.#remove(name);
    }
  }

  async #remove(name: string): Promise<void> {
    const { client, namespace, onLeft } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        await client.remove(MCP_SERVERS, { namespace, name }, { propagation: 'Background' });
        return;
      } catch (error) {
        if (tries === REMOVE_TRIES) return onLeft?.(name, error);
        await sleep(LOOK_EVERY * tries);
      }
    }
  }

  #checkRoom(): void {
    const { length } = this.#options.view.inspections;
    if (length < MOST) return;
    throw new BerthError('limit-reached', `${length} packages are being tried, and ${MOST} is the limit`, {
      hint: 'Try again when some of them are done.',
    });
  }
}

type Run = InspectOptions & { readonly signal: AbortSignal };
type Completed = Pick<ReturnType<typeof completeSpec>, 'spec' | 'secrets'>;

/** As restricted as a pod can be. */
function trialSpec(name: string, spec: ServerSpec, { network }: InspectionRequest): McpServer['spec'] {
  return fromServerSpec({
    ...spec,
    name,
    secrets: {},
    isolation: 'session',
    replicas: 1,
    network: { egress: network ? 'public' : 'none', allow: [] },
    limits: { ...spec.limits, drain: DRAIN },
  });
}

function alwaysHeld(): BerthError {
  return new BerthError(
    'not-allowed',
    'in a cluster a package is tried in a pod that holds it in, and in no other way',
    {
      hint: 'Leave --unsafe out. With --network it can reach public addresses.',
    },
  );
}
