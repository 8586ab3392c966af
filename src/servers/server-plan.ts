/** From a specification to what is to be run: templates filled in, gates checked, nothing fetched and nothing started. */
import { BerthError } from '../errors.ts';
import type { Ecosystem, PackageSource } from '../packages/package.ts';
import { checkSourceAllowed, NO_RULES, type PackageRules } from '../packages/package-rules.ts';
import { checkPackageSource } from '../packages/package-source.ts';
import type { PinnedEra } from '../supervisor/handshake-report.ts';
import type { FindLack, ResourceLimits } from '../supervisor/resource-limits.ts';
import type { Isolation, ServerLimits } from '../supervisor/server-definition.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { fillTemplate } from '../templates/fill-template.ts';
import { planLimits } from './machine-limits.ts';
import type { RemotePolicy } from './remote-policy.ts';
import type { RemoteSpec } from './remote-spec.ts';
import { isRemoteTemplate, planRemoteTemplate } from './remote-template.ts';
import type { SecretReferences } from './secret-reference.ts';
import type { HealthLimits } from './server-health.ts';
import type { ServerSpec } from './server-spec.ts';

/** Stored beside the specification, so that a later change of a template does not change a server. */
export type ServerPlan = PackagePlan | RemotePlan;

/** A package to be installed and run. */
export interface PackagePlan extends CommonPlan {
  readonly source: PackageSource;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: SecretReferences;
  /** Variables whose value is a file of this name in the private home. */
  readonly homeFiles: Readonly<Record<string, string>>;
  readonly remote?: never;
}

/** A server that runs elsewhere. */
export interface RemotePlan extends CommonPlan {
  readonly remote: RemoteSpec;
}

interface CommonPlan {
  readonly isolation: Isolation;
  readonly sessions: 'minted' | 'none';
  /** Given by the operator; absent, the start finds out. */
  readonly era?: PinnedEra;
  /** Only what was given; the rest follows the settings. */
  readonly limits: Partial<ServerLimits>;
  /** The same; absent in records of older gateways. */
  readonly health?: Partial<HealthLimits>;
  /** The same, of a program that is started here. */
  readonly resources?: ResourceLimits;
}

/** Where servers may come from: a switch of the operator's for each. */
export type Gate = Ecosystem | 'remote';
export type Gates = Readonly<Record<Gate, boolean>>;

const GATE_SETTING: Readonly<Record<Gate, string>> = {
  npm: 'MCP_ALLOW_NPX',
  pypi: 'MCP_ALLOW_UV',
  remote: 'BERTH_ALLOW_REMOTE',
};

/** What a plan depends on besides the specification. */
export interface PlanRules {
  readonly templates: TemplateCatalogue;
  readonly allow: Gates;
  readonly remote: RemotePolicy;
  /** All packages unless given. */
  readonly packages?: PackageRules;
  /** Names of variables that the pods get from ConfigMaps. */
  readonly configNames?: readonly string[];
  /** Secrets are those of the cluster. */
  readonly inCluster?: boolean;
  /** What of a process cannot be limited; absent where none is to run. */
  readonly findLack?: FindLack;
}

/** Throws `not-found` (template), `not-allowed`, `bad-input` or `missing-input`. */
export function planServer(spec: ServerSpec, rules: PlanRules): ServerPlan {
  refuseWorkload(spec);
  const remote = spec.source?.remote ?? planTemplateElsewhere(spec, rules.templates);
  if (!remote) return planPackage(spec, rules);
  checkGate('remote', rules);
  refuseRemoteLimits(spec);
  rules.remote.check(new URL(remote.url));
  return {
    remote,
    isolation: spec.isolation ?? 'session',
    sessions: spec.sessions ?? 'minted',
    ...common(spec),
  };
}

const CLUSTER_ONLY = [
  'transport',
  'port',
  'replicas',
  'suspend',
  'network',
  'placement',
  'configMaps',
  'persistence',
  'dependencies',
] as const;

/** This gateway runs programs on its own machine: what only pods can do is refused, not ignored. */
function refuseWorkload(spec: ServerSpec): void {
  const { image, archon, script } = spec.source ?? {};
  const asked = [
    ...Object.entries({ image, archon, script }).flatMap(([name, given]) =>
      given ? [`source/${name}`] : [],
    ),
    ...CLUSTER_ONLY.filter((name) => spec[name] !== undefined),
    ...(['drain', 'sleep'] as const)
      .filter((name) => spec.limits[name] !== undefined)
      .map((name) => `limits/${name}`),
  ];
  if (asked.length === 0) return;
  throw new BerthError('not-allowed', `${asked.join(', ')}: only a gateway in a cluster can do that`, {
    fields: asked.map((name) => ({ pointer: `/${name}`, detail: 'needs a cluster' })),
    hint: 'Leave it out, or run Berth in a Kubernetes cluster.',
  });
}

/** What runs elsewhere uses nothing of this machine. */
function refuseRemoteLimits({ resources }: ServerSpec): void {
  if (!resources) return;
  throw new BerthError('bad-input', '/resources is nothing that a remote server can be given', {
    fields: [{ pointer: '/resources', detail: 'is nothing that a remote server can be given' }],
  });
}

/** The remote server of a template that has nothing to run here. */
function planTemplateElsewhere(spec: ServerSpec, templates: TemplateCatalogue): RemoteSpec | undefined {
  const template = spec.template === undefined ? undefined : templates.get(spec.template);
  return template && isRemoteTemplate(template) ? planRemoteTemplate(template, spec) : undefined;
}

function planPackage(spec: ServerSpec, rules: PlanRules): PackagePlan {
  const { templates, packages = NO_RULES, findLack, configNames = [], inCluster = false } = rules;
  const template = spec.template === undefined ? undefined : templates.get(spec.template);
  const behavior = template?.extras.behavior;
  const filled = template
    ? fillTemplate(template, {
        ...(spec.version !== undefined && { version: spec.version }),
        ...(spec.bin !== undefined && { bin: spec.bin }),
        args: spec.args,
        env: spec.env,
        secretNames: Object.keys(spec.secrets),
        configNames,
        inCluster,
      })
    : { source: toSource(spec), args: spec.args, env: spec.env, homeFiles: {} };
  checkGate(filled.source.ecosystem, rules);
  const source = checkPackageSource(filled.source);
  checkSourceAllowed(source, packages);
  const resources = planLimits(spec, findLack);
  return {
    ...filled,
    source,
    ...(resources && { resources }),
    secrets: spec.secrets,
    isolation: spec.isolation ?? behavior?.isolation ?? 'session',
    sessions: spec.sessions ?? behavior?.sessions ?? 'minted',
    ...common(spec, behavior?.spares === undefined ? {} : { spares: behavior.spares }),
  };
}

/** `usual`: limits that the template wants where the server says nothing. */
function common(spec: ServerSpec, usual: Partial<ServerLimits> = {}): Pick<CommonPlan, 'era' | 'limits'> {
  return {
    ...(spec.era !== undefined && spec.era !== 'auto' && { era: spec.era }),
    limits: { ...usual, ...dropUndefined(spec.limits) },
    ...(spec.health && { health: dropUndefined(spec.health) }),
  };
}

/** Throws `not-allowed` when the operator has switched the gate off. */
export function checkGate(
  gate: Gate,
  { allow, inCluster = false }: Pick<PlanRules, 'allow' | 'inCluster'>,
): void {
  if (allow[gate]) return;
  const setting = inCluster ? `allow.${gate}` : GATE_SETTING[gate];
  const what = gate === 'remote' ? 'remote servers' : `${gate} packages`;
  throw new BerthError('not-allowed', `${what} are not allowed here (${setting}=false)`, {
    hint: inCluster
      ? `An operator has to set ${setting}=true in the values of the chart.`
      : `An operator has to set ${setting}=true and start Berth again.`,
  });
}

function toSource(spec: ServerSpec): PackageSource {
  const ecosystem: Ecosystem = spec.source?.npm ? 'npm' : 'pypi';
  const found = spec.source?.npm ?? spec.source?.pypi;
  if (!found) throw new BerthError('bad-input', 'the body needs exactly one of template and source');
  return {
    ecosystem,
    name: found.name,
    ...(found.version !== undefined && { version: found.version }),
    ...(spec.bin !== undefined && { bin: spec.bin }),
  };
}

/** What was given of optional numbers. */
function dropUndefined<Limits extends object>(
  limits: Limits,
): { readonly [Name in keyof Limits]?: Exclude<Limits[Name], undefined> } {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Name in keyof Limits]?: Exclude<Limits[Name], undefined> };
}
