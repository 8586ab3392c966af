/** The configuration of a supervisor that is its own program: where its files are, and the servers that it runs. */
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import type { Era } from './handshake-report.ts';
import type { NetworkLinkConfig } from './network-link.ts';
import { REMOTE_TRANSPORTS } from './remote-transport.ts';
import { DEFAULT_LIMITS, type ServerDefinition, type ServerLimits } from './server-definition.ts';

/** A server of a supervisor that is its own program. */
export type SupervisedServer = ServerDefinition & {
  /** What an earlier replica of the same configuration has shown to speak: clients are served before it is tried again. */
  readonly knownEras?: readonly Era[];
  /** How it is checked: milliseconds between checks (0: none), failed ones in a row after which it is not well, and milliseconds of one. */
  readonly health?: { readonly interval?: number; readonly failures?: number; readonly timeout?: number };
  /** Its package: where the archive is (the digest at the end), and the folder that it is brought to before the first process. */
  readonly tree?: { readonly url: string; readonly into: string };
  /** It is only tried: started once, and looked at. `look` is the program that tells what it has left, in its container. */
  readonly inspection?: { readonly look: { readonly file: string; readonly args: readonly string[] } };
};

export interface SupervisorConfig {
  /** Absolute; one supervisor per folder. */
  readonly dataDir: string;
  readonly servers: readonly SupervisedServer[];
  /** Gateways may come over the network, too, with certificates of both sides. */
  readonly link?: NetworkLinkConfig;
  /** Processes are started in another container, by the `berth-spawn` that listens at this socket, a path or `@name`. */
  readonly spawn?: { readonly socket: string };
  /** File that says how the supervisor fares, for `berth-spawn probe`. */
  readonly status?: string;
  /** The container's termination message, which says the same. */
  readonly terminationLog?: string;
  /** Where its remote servers may be although they are not public: the program beside it in its pod. */
  readonly remote?: { readonly allowedHosts: readonly string[] };
  /** Milliseconds that sessions get to end by themselves when the supervisor is told to end. */
  readonly drain: number;
  /** TCP port for `/metrics` and probes, on every address of the pod; without it nothing listens. */
  readonly metricsPort?: number;
}

const absolute = z.string().refine(isAbsolute, 'must be an absolute path');
const whole = z.int().nonnegative();
const limits = z
  .strictObject({
    idle: whole,
    sessions: whole,
    sessionsPerPrincipal: whole,
    spares: whole,
    requestTimeout: whole,
    startTimeout: whole,
    lineBytes: whole,
    subscriptions: whole,
    eofGrace: whole,
    termGrace: whole,
  })
  .partial();
const launch = z.strictObject({
  file: absolute,
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  cwd: absolute,
});
const tree = z.strictObject({ url: z.url({ protocol: /^https?$/ }), into: absolute });
const remote = z.strictObject({
  url: z.url({ protocol: /^(https?|wss?)$/ }),
  transport: z.enum([...REMOTE_TRANSPORTS, 'auto']),
  headers: z.record(z.string(), z.string()).default({}),
  headerFiles: z
    .record(z.string(), z.strictObject({ file: absolute, scheme: z.string().optional() }))
    .optional(),
});
const eras = z.array(z.enum(['legacy', 'modern'])).min(1);
const definition = z
  .strictObject({
    id: z.uuid(),
    name: z.string().min(1),
    launch: launch.optional(),
    tree: tree.optional(),
    remote: remote.optional(),
    isolation: z.enum(['session', 'principal', 'shared', 'call']),
    sessions: z.enum(['minted', 'none']),
    eras: eras.optional(),
    knownEras: eras.optional(),
    limits: limits.default({}),
    processes: z.int().min(1).optional(),
    secrets: z.array(z.string()).default([]),
    secretFiles: z.record(z.string(), absolute).optional(),
    valueFiles: z.record(z.string(), absolute).optional(),
    inspection: z
      .strictObject({ look: z.strictObject({ file: absolute, args: z.array(z.string()) }) })
      .optional(),
    health: z
      .strictObject({ interval: whole, failures: z.int().min(1), timeout: z.int().min(1) })
      .partial()
      .optional(),
  })
  .refine((given) => (given.launch === undefined) !== (given.remote === undefined), {
    message: 'needs exactly one of launch and remote',
    path: ['launch'],
    // Said beside whatever else is wrong, as what to run is what matters most.
    when: ({ value }) => typeof value === 'object' && value !== null,
  });
const config = z.strictObject({
  dataDir: absolute,
  servers: z.array(definition),
  link: z.strictObject({ port: z.int().min(0).max(65_535), certificates: absolute }).optional(),
  spawn: z.strictObject({ socket: z.union([absolute, z.string().regex(/^@./)]) }).optional(),
  status: absolute.optional(),
  terminationLog: absolute.optional(),
  remote: z.strictObject({ allowedHosts: z.array(z.string()) }).optional(),
  drain: whole.default(0),
  metricsPort: z.int().min(1).max(65_535).optional(),
});

/** Reads the file at `path`. Rejects with `bad-setting`, naming the fields at fault. */
export async function readSupervisorConfig(path: string): Promise<SupervisorConfig> {
  const read = config.safeParse(await readJson(path));
  if (!read.success) {
    throw new BerthError('bad-setting', `${path} is no configuration of a supervisor`, {
      fields: read.error.issues.map((issue) => ({
        pointer: `/${issue.path.join('/')}`,
        detail: issue.message,
      })),
    });
  }
  const { servers, ...rest } = read.data;
  return {
    ...(withoutUndefined(rest) as Omit<SupervisorConfig, 'servers'>),
    servers: servers.map((one) => ({ ...toDefinition(one), limits: withDefaults(one.limits) })),
  };
}

/** The schema has seen to it that exactly one of launch and remote is there. */
function toDefinition(read: z.infer<typeof definition>): SupervisedServer {
  return withoutUndefined(read) as unknown as SupervisedServer;
}

function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new BerthError('bad-setting', `${path} cannot be read as JSON`, { cause });
  }
}

function withDefaults(given: z.infer<typeof limits>): ServerLimits {
  return { ...DEFAULT_LIMITS, ...withoutUndefined(given) };
}
