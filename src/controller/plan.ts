/** From an MCPServer to what is to be there: gates checked, templates filled in, nothing asked of anybody. */
import { isAsleep } from '../cluster/asleep.ts';
import { type InspectionMark, inspectionOf } from '../cluster/inspection.ts';
import type { McpServer, McpServerSpec, Persistence, Placement } from '../cluster/mcp-server.ts';
import type { Behavior, Blueprint, Owner, Program, Tree } from '../cluster/objects/blueprint.ts';
import { RESTARTED_AT } from '../cluster/objects/deployment.ts';
import { isOurSecret } from '../cluster/objects/naming.ts';
import { fromServerSpec, toServerSpec } from '../cluster/server-convert.ts';
import { BerthError } from '../errors.ts';
import type { PackageSource } from '../packages/package.ts';
import { withClusterSource } from '../servers/cluster-template.ts';
import { createRemotePolicy } from '../servers/remote-policy.ts';
import { type PackagePlan, planServer } from '../servers/server-plan.ts';
import type { ServerSpec } from '../servers/server-spec.ts';
import { workloadFaults } from '../servers/workload-rules.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { planProgram } from './plan-program.ts';
import type { ControllerSettings } from './settings.ts';

export interface PlanInput {
  readonly settings: ControllerSettings;
  readonly templates: TemplateCatalogue;
}

/** What a server comes to: a blueprint, or a package that has to be installed before there can be one. */
export interface Plan {
  readonly owner: Owner;
  /** Milliseconds without use after which its replicas are taken away; 0 for never. */
  readonly sleep: number;
  /** Replicas that are wanted now. */
  readonly replicas: number;
  readonly persistence: Persistence | undefined;
  /** Its package is only tried. */
  readonly isTried: boolean;
  /** To be installed; absent for what needs no tree. */
  readonly source?: PackageSource;
  /** Without a tree the children that do not depend on one can be made all the same. */
  blueprint(tree?: Tree): Blueprint;
}

/** It is to have no replicas, whatever else it says, and whether it may be run or not. */
export function isToStop(server: McpServer): boolean {
  const { suspend, replicas } = server.spec;
  // What is only tried cannot be stopped.
  if (inspectionOf(server)) return false;
  return suspend === true || replicas === 0 || isAsleep(server);
}

/** Throws BerthError for what cannot or may not be run. */
export function planMcpServer(server: McpServer, input: PlanInput): Plan {
  const owner = ownerOf(server);
  const mark = inspectionOf(server);
  const spec = withClusterSource(toServerSpec(owner.name, server.spec), input.templates);
  checkSecrets(server.spec);
  checkFaults(spec);
  const restartedAt = server.metadata.annotations?.[RESTARTED_AT];
  const common = commonOf({ owner, isStopped: isToStop(server) }, spec, input.settings);
  const base = { ...common, ...(restartedAt !== undefined && { restartedAt }) };
  const { source = {} } = spec;
  if (mark)
    return tryPlan({ ...base, inspection: { secrets: Object.values(mark.secrets) } }, { spec, mark, input });
  const sleep = spec.limits.sleep ?? input.settings.sleep;
  if (source.image || source.archon || source.script || source.remote) {
    const { program, env } = planProgram(server.spec, spec, input.settings);
    return { ...planOf(base, { program, env: [...env, ...entriesOf(spec.env)] }), sleep };
  }
  return { ...packagePlan(base, planPackage(spec, input)), sleep };
}

/** Of a package that is only tried: its secrets are made up and stand with it, and of yours there are none. */
function tryPlan(
  base: Base,
  {
    spec,
    mark,
    input,
  }: { readonly spec: ServerSpec; readonly mark: InspectionMark; readonly input: PlanInput },
): Plan {
  if (base.secrets.length > 0 || base.configMaps.length > 0 || base.persistence)
    throw new BerthError('bad-input', 'a package that is only tried has no secrets, ConfigMaps or claims');
  const madeUp = Object.keys(mark.secrets).map((name) => [
    name,
    { fromSecret: { name: 'made-up', key: name } },
  ]);
  const plan = planPackage({ ...spec, secrets: Object.fromEntries(madeUp) }, input);
  const env = { ...plan.env, ...mark.secrets };
  return { ...packagePlan({ ...base, replicas: 1 }, { ...plan, env }), sleep: 0 };
}

function planOf(
  base: Base,
  rest: { readonly program: Program } & Pick<Blueprint, 'env'>,
): Omit<Plan, 'sleep'> {
  const blueprint = { ...base, ...rest };
  return { ...partOf(base), blueprint: () => blueprint };
}

function packagePlan(base: Base, plan: PackagePlan): Omit<Plan, 'sleep'> {
  const blueprint = (tree: Tree = NO_TREE): Blueprint => ({
    ...base,
    program: { kind: 'package', tree },
    behavior: {
      ...base.behavior,
      isolation: plan.isolation,
      sessions: plan.sessions,
      limits: { ...base.behavior.limits, ...plan.limits },
    },
    args: plan.args,
    env: entriesOf(plan.env),
    homeFiles: plan.homeFiles,
  });
  return { ...partOf(base), source: plan.source, blueprint };
}

function partOf({
  owner,
  replicas,
  persistence,
  inspection,
}: Base): Pick<Plan, 'owner' | 'replicas' | 'persistence' | 'isTried'> {
  return { owner, replicas, persistence, isTried: inspection !== undefined };
}

const NO_TREE: Tree = {
  digest: '',
  package: { ecosystem: '', name: '', version: '' },
  launch: { file: '/', args: [], env: {}, cwd: '/' },
};

type Base = Omit<Blueprint, 'program' | 'env'>;

/** The API's planner knows packages and templates; what only pods have is not for it. */
function planPackage(spec: ServerSpec, { settings, templates }: PlanInput): PackagePlan {
  const { drain: _drain, sleep: _sleep, ...limits } = spec.limits;
  const {
    transport,
    port: _port,
    replicas: _r,
    suspend: _s,
    resources: _res,
    network: _n,
    placement: _p,
    configMaps = {},
    persistence: _kept,
    dependencies: _needs,
    ...rest
  } = spec;
  if (transport !== undefined && transport !== 'stdio')
    throw new BerthError('bad-input', 'packages speak stdio', {
      fields: [{ pointer: '/transport', detail: 'must be stdio' }],
    });
  const plan = planServer(
    { ...rest, limits },
    {
      ...{ templates, allow: settings.allow, packages: settings.packages },
      ...{ remote: createRemotePolicy([]), configNames: Object.keys(configMaps), inCluster: true },
    },
  );
  if (plan.remote)
    throw new BerthError('not-allowed', `template ${spec.template} runs elsewhere`, {
      hint: 'In a cluster, give source.remote with its URL and headers instead of the template.',
    });
  return plan;
}

function commonOf(
  { owner, isStopped }: { readonly owner: Owner; readonly isStopped: boolean },
  spec: ServerSpec,
  settings: ControllerSettings,
): Base {
  const { placement = {}, resources = {}, network, limits, persistence } = spec;
  return {
    owner,
    replicas: isStopped ? 0 : Math.min(spec.replicas ?? 1, settings.maxReplicas),
    behavior: behaviorOf(spec, settings),
    args: spec.args,
    secrets: fromServerSpec(spec).secrets ?? [],
    configMaps: fromServerSpec(spec).configMaps ?? [],
    homeFiles: {},
    drainSeconds: Math.ceil((limits.drain ?? settings.drain) / 1_000),
    resources: withoutUndefined(resources),
    network: { egress: network?.egress ?? settings.egress, allow: network?.allow ?? [] },
    callsServers: (spec.dependencies ?? []).length > 0,
    placement: { ...settings.placement, ...withoutUndefined<Placement>(placement) },
    ...(persistence && { persistence: withoutUndefined<Persistence>(persistence) }),
  };
}

function behaviorOf(spec: ServerSpec, settings: ControllerSettings): Behavior {
  const { isolation, sessions, era, health } = spec;
  const { drain: _drain, sleep: _sleep, ...limits } = spec.limits;
  return {
    isolation: isolation ?? 'session',
    sessions: sessions ?? 'minted',
    ...(era !== undefined && era !== 'auto' && { era }),
    limits: { ...settings.limits, ...withoutUndefined<Behavior['limits']>(limits) },
    health: { ...settings.health, ...withoutUndefined<NonNullable<Behavior['health']>>(health ?? {}) },
  };
}

function ownerOf({ metadata: { name = '', namespace = '', uid = '' } }: McpServer): Owner {
  return { name, namespace, uid };
}

function entriesOf(env: Readonly<Record<string, string>>): Blueprint['env'] {
  return Object.entries(env).map(([name, value]) => ({ name, value }));
}

function checkSecrets({ secrets = [], source }: McpServerSpec): void {
  const all = [...secrets, ...(source?.remote?.headers ?? [])];
  const own = all.find(({ secretKeyRef }) => isOurSecret(secretKeyRef.name));
  if (!own) return;
  throw new BerthError(
    'not-allowed',
    `secret ${own.name}: ${own.secretKeyRef.name} is not a Secret for servers`,
    {
      hint: 'Put the value into a Secret of your own, whose name does not begin with mcp-.',
    },
  );
}

/** What the definition refuses, where an older one is installed. */
function checkFaults(spec: ServerSpec): void {
  const fields = spec.persistence || spec.dependencies ? workloadFaults(spec) : [];
  const [first] = fields;
  if (first) throw new BerthError('bad-input', `${first.pointer} ${first.detail}`, { fields });
}

/** A type without its undefined members is what both sides mean. */
function withoutUndefined<T>(given: object): T {
  return JSON.parse(JSON.stringify(given)) as T;
}
