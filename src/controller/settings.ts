/** The controller's settings: one JSON file, which the chart writes. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { EnvEntry, Placement } from '../cluster/mcp-server.ts';
import type { PodSettings } from '../cluster/objects/blueprint.ts';
import { PRIVATE_CIDRS } from '../cluster/objects/network-policy.ts';
import { LINK_PORT } from '../cluster/objects/places.ts';
import { BerthError } from '../errors.ts';
import type { LogLevel } from '../log/log.ts';
import { NO_RULES, type PackageRules } from '../packages/package-rules.ts';
import { REGISTRY_SILENCE_MS } from '../packages/silence.ts';
import { HEALTH_DEFAULTS, type HealthLimits } from '../servers/server-health.ts';
import { byteQuantity, quantities } from '../servers/workload-spec.ts';
import { settingsSchema } from '../settings/schema.ts';
import { DEFAULT_LIMITS, type ServerLimits } from '../supervisor/server-definition.ts';

const resources = z.strictObject({ requests: quantities.optional(), limits: quantities.optional() });
const range = z.strictObject({ cidr: z.string(), ports: z.array(z.int()).default([]) });
const entry = z.strictObject({ name: z.string(), value: z.string() });
const gate = z.boolean();

const labels = z.record(z.string(), z.string());

const schema = z.strictObject({
  release: z.string().min(1),
  releaseNamespace: z.string().min(1),
  serversNamespace: z.string().min(1),
  /** Of the gateway, for the endpoints in the status. */
  publicUrl: z.url().optional(),
  images: z.strictObject({ supervisor: z.string().min(1), runner: z.string().min(1) }),
  /** Of archon servers that name none. */
  archonImage: z.string().optional(),
  pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  pullSecrets: z.array(z.string()).default([]),
  resources: z
    .strictObject({
      supervisor: resources.default({
        requests: { cpu: '50m', memory: '96Mi' },
        limits: { memory: '512Mi' },
      }),
      workload: resources.default({ requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '1Gi' } }),
      installer: resources.default({ requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } }),
    })
    .prefault({}),
  treeSize: byteQuantity.default('4Gi'),
  scratchSize: byteQuantity.default('1Gi'),
  priorityClass: z.string().optional(),
  runtimeClass: z.string().optional(),
  hostUsers: z.boolean().optional(),
  installerEnv: z.array(entry).default([]),
  registries: z.array(range).default([]),
  installSeconds: z.int().min(10).max(7_200).default(900),
  maxReplicas: z.int().min(1).max(1_000).default(10),
  /** Milliseconds; what a server says itself wins. */
  drain: z.int().min(1_000).default(300_000),
  /** Milliseconds without use after which a server's replicas are taken away until its next request; 0 for never. */
  sleep: z
    .int()
    .refine((ms) => ms === 0 || ms >= 1_000, 'must be 0 or at least 1000')
    .default(1_800_000),
  allow: z
    .strictObject({
      npm: gate.default(true),
      pypi: gate.default(true),
      images: gate.default(false),
      archon: gate.default(true),
      scripts: gate.default(true),
      remote: gate.default(true),
    })
    .prefault({}),
  /** As in the gateway's settings. */
  packages: settingsSchema.shape.packages,
  /** Supervisors answer `/metrics` to these peers of a NetworkPolicy; without it they have none. */
  metrics: z.strictObject({ from: z.array(z.record(z.string(), z.unknown())).default([]) }).optional(),
  /** The admission policies of the chart are in force: Secrets and claims of others have to be released to servers. */
  checksSecrets: z.boolean().default(false),
  /** Days after which the key ring gets a new key. */
  rotateKeysDays: z.int().min(1).default(90),
  /** Images that servers may be: whole names, or beginnings that end in `/`, `:` or `@`; `*` for all. */
  allowedImages: z.array(z.string()).default(['*']),
  /** For servers that say nothing. */
  placement: z
    .strictObject({
      nodeSelector: labels.optional(),
      tolerations: z.array(z.record(z.string(), z.unknown())).optional(),
      affinity: z.record(z.string(), z.unknown()).optional(),
    })
    .prefault({}),
  egress: z.enum(['none', 'public']).default('public'),
  dns: z.strictObject({ namespaceLabels: labels, podLabels: labels }).default({
    namespaceLabels: { 'kubernetes.io/metadata.name': 'kube-system' },
    podLabels: { 'k8s-app': 'kube-dns' },
  }),
  privateCidrs: z.array(z.string()).min(1).default(PRIVATE_CIDRS),
  caBundle: z.strictObject({ configMap: z.string().min(1), key: z.string().min(1) }).optional(),
  /** As in the gateway's settings. */
  limits: z.record(z.string(), z.unknown()).default({}),
  /** As in the gateway's settings. */
  health: z.record(z.string(), z.unknown()).default({}),
  remote: z.strictObject({ allowedHosts: z.array(z.string()).default([]) }).prefault({}),
  /** How links reach new pods. */
  carrier: z.enum(['exec', 'network']).default('exec'),
  /** Days that certificates of links live. */
  certificateDays: z.int().min(1).max(90).default(30),
  logLevel: settingsSchema.shape.logLevel,
  logFormat: settingsSchema.shape.logFormat,
});

/** The limits of the gateway that are a server's own. */
const SERVER_LIMITS = Object.keys(DEFAULT_LIMITS);
const HEALTH_KEYS = Object.keys(HEALTH_DEFAULTS);

/** What the operator has decided about servers in the cluster. */
export interface ControllerSettings {
  readonly namespace: string;
  readonly publicUrl?: string;
  readonly archonImage?: string;
  readonly maxReplicas: number;
  readonly drain: number;
  readonly sleep: number;
  readonly allow: Readonly<Record<'npm' | 'pypi' | 'images' | 'archon' | 'scripts' | 'remote', boolean>>;
  readonly packages: PackageRules;
  readonly checksSecrets: boolean;
  readonly rotateKeysDays: number;
  readonly certificateDays: number;
  readonly allowedImages: readonly string[];
  /** For servers that say nothing. */
  readonly placement: Placement;
  readonly egress: 'none' | 'public';
  readonly limits: Partial<ServerLimits>;
  /** The same. */
  readonly health: Partial<HealthLimits>;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
  readonly pods: PodSettings;
}

/** Throws `bad-setting` that names the fields at fault. */
export function parseControllerSettings(input: unknown): ControllerSettings {
  const read = schema.safeParse(input);
  if (!read.success) {
    const fields = read.error.issues.map(({ path, message }) => ({
      pointer: `/${path.join('/')}`,
      detail: message,
    }));
    throw new BerthError('bad-setting', `controller settings: ${fields[0]?.pointer} ${fields[0]?.detail}`, {
      fields,
    });
  }
  const { serversNamespace, placement, limits, health, remote, carrier, ...rest } = read.data;
  const own = [
    'release',
    'releaseNamespace',
    'images',
    'pullPolicy',
    'pullSecrets',
    'resources',
    'treeSize',
    'scratchSize',
    'priorityClass',
    'runtimeClass',
    'hostUsers',
    'installerEnv',
    'registries',
    'installSeconds',
    'dns',
    'privateCidrs',
    'caBundle',
    'metrics',
  ] as const;
  const pods = Object.fromEntries(
    own.flatMap((name) => (rest[name] === undefined ? [] : [[name, rest[name]]])),
  );
  const others = Object.entries(rest).filter(
    ([name, value]) => !(own as readonly string[]).includes(name) && value !== undefined,
  );
  return {
    ...(Object.fromEntries(others) as unknown as ControllerSettings),
    namespace: serversNamespace,
    // The members that are not there are left out.
    placement: JSON.parse(JSON.stringify(placement)) as Placement,
    limits: givenOf('limits', limits, SERVER_LIMITS),
    health: givenOf('health', health, HEALTH_KEYS),
    pods: {
      ...pods,
      remoteHosts: remote.allowedHosts,
      installerEnv: [...rest.installerEnv, ...packagesEnv(rest.packages)],
      ...(carrier === 'network' && { linkPort: LINK_PORT }),
    } as unknown as PodSettings,
  };
}

/** For installers; none where there is nothing to say. */
function packagesEnv({ registrySilence, ...rules }: z.output<typeof settingsSchema>['packages']): EnvEntry[] {
  const { allow, block, npmSignatures } = rules;
  const isFree = allow.length === 0 && block.length === 0 && npmSignatures === NO_RULES.npmSignatures;
  return [
    ...(isFree ? [] : [{ name: 'BERTH_INSTALL_RULES', value: JSON.stringify(rules) }]),
    ...(registrySilence === REGISTRY_SILENCE_MS
      ? []
      : [{ name: 'BERTH_INSTALL_SILENCE', value: `${registrySilence}` }]),
  ];
}

/** Durations and sizes may be written as in the gateway's settings; only what was given counts. */
function givenOf(
  section: 'limits' | 'health',
  given: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, number> {
  const named = Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)));
  const read = settingsSchema.shape[section].safeParse(named);
  if (!read.success) {
    const [issue] = read.error.issues;
    const pointer = ['', section, ...(issue?.path ?? [])].join('/');
    throw new BerthError('bad-setting', `controller settings: ${pointer}: expected ${issue?.message}`);
  }
  const values = new Map(Object.entries(read.data));
  return Object.fromEntries(Object.keys(named).map((name) => [name, Number(values.get(name))]));
}

/** Rejects with `bad-setting`. */
export async function readControllerSettings(path: string): Promise<ControllerSettings> {
  let input: unknown;
  try {
    input = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new BerthError('bad-setting', `${path} cannot be read as JSON`, { cause });
  }
  return parseControllerSettings(input);
}
