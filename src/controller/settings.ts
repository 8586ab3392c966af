/** The controller's settings: one JSON file, which the chart writes. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { PodSettings } from '../cluster/objects/blueprint.ts';
import { BerthError } from '../errors.ts';

const quantities = z.partialRecord(z.enum(['cpu', 'memory', 'ephemeral-storage']), z.string());
const resources = z.strictObject({ requests: quantities.optional(), limits: quantities.optional() });
const range = z.strictObject({ cidr: z.string(), ports: z.array(z.int()).default([]) });
const entry = z.strictObject({ name: z.string(), value: z.string() });
const gate = z.boolean();

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
  treeSize: z.string().default('4Gi'),
  scratchSize: z.string().default('1Gi'),
  priorityClass: z.string().optional(),
  runtimeClass: z.string().optional(),
  hostUsers: z.boolean().optional(),
  installerEnv: z.array(entry).default([]),
  registries: z.array(range).default([]),
  installSeconds: z.int().min(10).max(7_200).default(900),
  maxReplicas: z.int().min(1).max(1_000).default(10),
  /** Milliseconds; what a server says itself wins. */
  drain: z.int().min(1_000).default(300_000),
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
  /** Days after which the key ring gets a new key. */
  rotateKeysDays: z.int().min(1).default(90),
});

/** What the operator has decided about servers in the cluster. */
export interface ControllerSettings {
  readonly namespace: string;
  readonly publicUrl?: string;
  readonly archonImage?: string;
  readonly maxReplicas: number;
  readonly drain: number;
  readonly allow: Readonly<Record<'npm' | 'pypi' | 'images' | 'archon' | 'scripts' | 'remote', boolean>>;
  readonly rotateKeysDays: number;
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
  const { serversNamespace, publicUrl, archonImage, maxReplicas, drain, allow, rotateKeysDays, ...pods } =
    read.data;
  return {
    namespace: serversNamespace,
    maxReplicas,
    drain,
    allow,
    rotateKeysDays,
    ...(publicUrl !== undefined && { publicUrl }),
    ...(archonImage !== undefined && { archonImage }),
    // Optional members that are not there are left out by the parser.
    pods: pods as PodSettings,
  };
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
