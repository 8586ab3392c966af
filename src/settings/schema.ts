/** Every setting, with its one default and what it means. Names of variables and flags are derived from the keys here. */
import { resolve } from 'node:path';
import envPaths from 'env-paths';
import { z } from 'zod';
import { isPackagePattern } from '../packages/package-pattern.ts';
import { readCpu, readMemory } from '../supervisor/resource-limits.ts';
import { DEFAULT_LIMITS } from '../supervisor/server-definition.ts';
import {
  bytes,
  duration,
  durationWithin,
  flag,
  integer,
  interval,
  list,
  oneOf,
  quantity,
  share,
} from './fields.ts';
import { isHostEntry } from './host-entry.ts';

const HOST_EXPECTED = 'an IP address or a host name, without port';
const hostSchema = z
  .string(HOST_EXPECTED)
  .trim()
  .regex(/^[A-Za-z0-9._:-]{1,253}$/, HOST_EXPECTED);

const PUBLIC_URL_EXPECTED = 'an http or https URL without credentials, query or fragment';
const publicUrlSchema = z.string(PUBLIC_URL_EXPECTED).transform((text, context) => {
  const url = URL.parse(text.trim());
  const bad =
    !url ||
    !isHttp(url) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== '';
  if (bad) {
    context.addIssue({ code: 'custom', message: PUBLIC_URL_EXPECTED });
    return z.NEVER;
  }
  return url.href.replace(/\/$/, '');
});

const ALLOWED_HOST_EXPECTED =
  'a list of host names, each optionally with a port, such as berth.example.com or 10.0.0.5:8053';
const allowedHostSchema = z
  .string(ALLOWED_HOST_EXPECTED)
  .toLowerCase()
  .refine((text) => URL.parse(`http://${text}/`)?.host === text.replace(/:80$/, ''), ALLOWED_HOST_EXPECTED);

const ORIGIN_EXPECTED =
  'a list of http or https origins such as https://app.example.com, without path; * and null are never allowed';
const originSchema = z.string(ORIGIN_EXPECTED).refine((text) => {
  const url = URL.parse(text);
  return url !== null && isHttp(url) && url.origin === text;
}, ORIGIN_EXPECTED);

const REMOTE_HOST_EXPECTED =
  'a list of host names, addresses and ranges such as localhost, 10.0.0.5 or 10.0.0.0/8';
const remoteHostSchema = z.string(REMOTE_HOST_EXPECTED).refine(isHostEntry, REMOTE_HOST_EXPECTED);

const KEY_EXPECTED =
  'a list of API keys, each {name, hash} or name:hash, where hash is the SHA-256 of the key in hex';
const keySchema = z.preprocess(
  splitKey,
  z.strictObject(
    {
      name: z.string(KEY_EXPECTED).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, KEY_EXPECTED),
      hash: z.string(KEY_EXPECTED).regex(/^[0-9a-f]{64}$/, KEY_EXPECTED),
    },
    KEY_EXPECTED,
  ),
);

function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

function splitKey(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const colon = value.lastIndexOf(':');
  return { name: value.slice(0, Math.max(colon, 0)), hash: value.slice(colon + 1) };
}

function defaultDataDir(): string {
  return envPaths('berth', { suffix: '' }).data;
}

const controlSchema = z.strictObject({
  packages: oneOf(['ask', 'allow', 'deny'], 'ask').describe(
    'What an agent on /mcp may start that is not in the catalogue: nothing (deny), what its person agrees to (ask), or everything (allow).',
  ),
});

const allowSchema = z.strictObject({
  npm: flag(true).describe('Servers may come from npm packages.'),
  pypi: flag(true).describe('Servers may come from PyPI packages.'),
  images: flag(false).describe('Servers may come from container images that no template names.'),
  remote: flag(true).describe('Servers may be URLs of MCP servers elsewhere.'),
});

const PATTERN_EXPECTED =
  'a list of packages such as npm:@scope/*, pypi:name@1.2.*, pkg:npm/name@1.0.0 or mcp-server-*';
const patternSchema = z.string(PATTERN_EXPECTED).refine(isPackagePattern, PATTERN_EXPECTED);

const packagesSchema = z.strictObject({
  allow: list(patternSchema, PATTERN_EXPECTED).describe(
    'Packages that servers may come from, and no others; all of them unless given. A * stands for any characters but /.',
  ),
  block: list(patternSchema, PATTERN_EXPECTED).describe(
    'Packages, or versions of them, that are never installed, not even because another one needs them.',
  ),
  npmSignatures: oneOf(['offered', 'required', 'off'], 'offered').describe(
    'Signatures of npm registries: checked where a registry offers them, wanted of every package, or not looked at.',
  ),
  registrySilence: duration('5s').describe(
    'Time in which a package registry must send something while it is waited for; a slow download goes on as long as it moves.',
  ),
});

const remoteSchema = z.strictObject({
  allowedHosts: list(remoteHostSchema, REMOTE_HOST_EXPECTED).describe(
    'Hosts, addresses and ranges where remote servers may be although they are not public, and may do without TLS.',
  ),
});

const limitsSchema = z.strictObject({
  idle: duration(`${DEFAULT_LIMITS.idle}`).describe(
    'Time without a message, a call or a reader after which a session ends.',
  ),
  servers: integer(50, 1, 10_000).describe('Servers at one time, stopped ones included.'),
  sessions: integer(DEFAULT_LIMITS.sessions, 1, 1_000_000).describe(
    'Sessions of one server at one time. In a cluster: of one replica; without it, as many as the memory limit carries.',
  ),
  sessionsPerPrincipal: integer(DEFAULT_LIMITS.sessionsPerPrincipal, 1, 1_000_000).describe(
    'Sessions of one caller on one server at one time.',
  ),
  spares: integer(DEFAULT_LIMITS.spares, 0, 64).describe(
    'Processes of a server kept started for the next sessions.',
  ),
  requestTimeout: duration(`${DEFAULT_LIMITS.requestTimeout}`).describe(
    'Time without answer or progress after which a call fails.',
  ),
  startTimeout: duration(`${DEFAULT_LIMITS.startTimeout}`).describe(
    'Time in which a started process must answer its first initialize.',
  ),
  subscriptions: integer(DEFAULT_LIMITS.subscriptions, 1, 100_000).describe(
    'Resources that one session may be subscribed to, on a shared process or a modern server.',
  ),
  parallelStarts: integer(4, 1, 100).describe('Starts of servers at one time; further ones wait as pending.'),
  eofGrace: duration(`${DEFAULT_LIMITS.eofGrace}`).describe(
    'Time from the end of its input to SIGTERM, when a process is to end.',
  ),
  termGrace: duration(`${DEFAULT_LIMITS.termGrace}`).describe(
    'Time from SIGTERM to SIGKILL, when a process is to end.',
  ),
  stopTimeout: duration('30s').describe(
    'Time in which everything must have ended when the gateway stops; what is left is killed.',
  ),
  messageBytes: bytes('4MiB').describe('Size of one message from a client.'),
  openBodyBytes: bytes('256MiB').describe(
    'Size of all messages of HTTP clients that have not come whole; further ones are refused for now.',
  ),
  lineBytes: bytes(`${DEFAULT_LIMITS.lineBytes}`).describe('Size of one message from a server.'),
  batch: integer(100, 1, 10_000).describe('Messages in one batch (revision 2025-03-26 only).'),
  depth: integer(64, 4, 1_000).describe('Nesting depth of a message from a client.'),
  elements: integer(100_000, 16, 100_000_000).describe('Values in a message from a client.'),
  headers: integer(100, 16, 2_000).describe('Header fields of one HTTP request.'),
  connections: integer(10_000, 1, 1_000_000).describe('Client connections at one time.'),
});

const resourcesSchema = z.strictObject({
  memory: quantity(readMemory, 'an amount of memory from 4Mi on, such as 512Mi or 2Gi')
    .optional()
    .describe(
      'On one machine: memory of each process of a server, with all that it starts; the whole machine unless given.',
    ),
  cpu: quantity(readCpu, 'a number of processors from 10m on, such as 500m, 0.5 or 2')
    .optional()
    .describe('On one machine: the same of its processors.'),
});

const treesSchema = z.strictObject({
  maxBytes: bytes('10GiB').describe(
    'Disk space of installed packages above which unused ones are removed, oldest use first.',
  ),
  maxAgeDays: integer(30, 1, 3_650).describe(
    'Days without use after which an installed package may be removed.',
  ),
});

const REGISTRY_EXPECTED = 'http or https URLs without credentials, query or fragment';
const searchSchema = z.strictObject({
  registries: list(publicUrlSchema, REGISTRY_EXPECTED).describe(
    'Addresses of MCP registries to search beside the catalogue, npm and PyPI.',
  ),
  mirrorEvery: interval('off').describe(
    'Time between renewals of the mirrors of these registries, such as 1h; off: only by berth registry sync.',
  ),
  pypiNames: flag(false).describe(
    'Keep the list of all names of the Python index, fetched once a day (some ten megabytes), so that it can be searched.',
  ),
  downloadsUrl: publicUrlSchema
    .optional()
    .describe('Where download numbers of npm packages are, when they are not at the registry itself.'),
  timeout: duration('10s').describe('Time in which a place that is searched must answer.'),
});

const healthSchema = z.strictObject({
  interval: interval('off').describe(
    'Time between health checks of a running server: each starts a process, shakes hands and ends it.',
  ),
  failures: integer(3, 1, 100).describe('Failed checks in a row after which a server counts as degraded.'),
  timeout: durationWithin('30s', 1, 60).describe(
    'Time in which the process of a check must answer, from 1s to 60s; its start has the limit of every start, if that is shorter.',
  ),
});

const NAME_EXPECTED = 'a name of lower-case letters, digits and dashes';
const nameSchema = z.string(NAME_EXPECTED).regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, NAME_EXPECTED);

const LABELS_EXPECTED = 'a list of labels such as environment=prod, or team for any value';
const labelSchema = z
  .string(LABELS_EXPECTED)
  .regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(=[A-Za-z0-9._-]*)?$/, LABELS_EXPECTED);

const serversSchema = z.strictObject({
  namespace: nameSchema
    .optional()
    .describe(
      'In a cluster: the namespace of the servers; the name of the installation with -servers unless given.',
    ),
  discover: list(labelSchema, LABELS_EXPECTED).describe(
    'In a cluster: labels that a Deployment which Berth did not make must have to be a server, beside app.kubernetes.io/component=mcp-server.',
  ),
});

const tracesSchema = z.strictObject({
  endpoint: publicUrlSchema
    .optional()
    .describe(
      'Address of a receiver of OTLP over HTTP, to which a span of each call goes; /v1/traces is added. Without, none is made.',
    ),
  sampleRate: share(1).describe(
    'Share of the traces that are recorded, of those that begin here; of others their beginning says.',
  ),
});

const usageSchema = z.strictObject({
  keepDays: integer(90, 1, 3_650).describe('Days for which the use of each server is kept, today included.'),
});

export const settingsSchema = z.strictObject({
  host: hostSchema
    .default('127.0.0.1')
    .describe('Address to listen on. Beyond loopback an API key is required.'),
  port: integer(8053, 0, 65_535).describe('TCP port to listen on; 0 takes a free one.'),
  publicUrl: publicUrlSchema
    .optional()
    .describe('URL under which clients reach Berth; printed URLs are built from it.'),
  runtime: oneOf(['local', 'kubernetes', 'auto'], 'local').describe(
    'Where servers run: as processes of this machine, or as pods. auto: as pods where Berth itself is one.',
  ),
  release: nameSchema.default('berth').describe('In a cluster: the name of the installation.'),
  servers: serversSchema.prefault({}),
  metricsPort: integer(0, 0, 65_535).describe(
    'Second TCP port, for probes and metrics without a key (/livez, /readyz, /health, /metrics); 0 for none.',
  ),
  dataDir: z
    .string('a path')
    .min(1, 'a path')
    .transform((path) => resolve(path))
    .prefault(defaultDataDir)
    .describe('Folder for packages, state and keys. One gateway per folder.'),
  allowedHosts: list(allowedHostSchema, ALLOWED_HOST_EXPECTED).describe(
    'Further Host headers to accept; without a port, the port that Berth listens on or none.',
  ),
  allowedOrigins: list(originSchema, ORIGIN_EXPECTED).describe('Web origins whose pages may call Berth.'),
  cors: flag(true).describe('Answer preflight requests of allowed origins and let their pages read answers.'),
  logLevel: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info').describe(
    'Least severity to log.',
  ),
  logFormat: oneOf(['json', 'text'], 'json').describe('One JSON object or one line of text per entry.'),
  sealKeys: z
    .string('a path')
    .min(1, 'a path')
    .default('/etc/berth/keys/seal-keys.json')
    .describe('In a cluster: file of the keys that seal session ids, the same for every gateway.'),
  control: controlSchema.prefault({}),
  linkCertificates: z
    .string('a path')
    .min(1, 'a path')
    .optional()
    .describe(
      'In a cluster: folder of the certificate for links over the network; without, they go by exec.',
    ),
  peers: hostSchema
    .optional()
    .describe(
      'In a cluster: name of the headless Service of all gateways, which hand on to each other, at metricsPort, what came to the wrong one.',
    ),
  tlsCertificate: z
    .string('a path')
    .min(1, 'a path')
    .optional()
    .describe(
      'Folder of a certificate to serve HTTPS with, as tls.crt and tls.key; looked at again when it is renewed. Without, plain HTTP.',
    ),
  keys: list(keySchema, KEY_EXPECTED).describe(
    'API keys as name and SHA-256 hash, beside those of: berth key add.',
  ),
  allow: allowSchema.prefault({}),
  packages: packagesSchema.prefault({}),
  remote: remoteSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  resources: resourcesSchema.prefault({}),
  trees: treesSchema.prefault({}),
  health: healthSchema.prefault({}),
  search: searchSchema.prefault({}),
  traces: tracesSchema.prefault({}),
  usage: usageSchema.prefault({}),
});

/** Settings after checks: durations in milliseconds, sizes in bytes, lower-case hosts, deeply frozen. */
export type Settings = z.output<typeof settingsSchema>;
