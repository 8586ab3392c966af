/** What a person may ask for: the desired state of one server. Every field is typed, and none of them is a command. */
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import { isForbiddenEnvName } from '../packages/env-names.ts';
import { labelsSchema } from './labels.ts';
import { remoteSchema } from './remote-spec.ts';
import type { SecretReference } from './secret-reference.ts';
import { parseSecretReference, toReference } from './secret-reference.ts';
import { deriveRemoteName, deriveServerName, isServerName } from './server-name.ts';
import { archonSchema, imageSchema, scriptSchema, secretKeySchema, workloadFields } from './workload-spec.ts';

const version = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9^~<>=!*][A-Za-z0-9.+!^~<>=*,|_-]*$/, 'must be a version, a range or a dist-tag');

const program = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, 'must be the name of a program of the package');

const npmName = z
  .string()
  .max(214)
  .regex(
    /^(@[A-Za-z0-9][A-Za-z0-9._~-]*\/)?[A-Za-z0-9][A-Za-z0-9._~-]*$/,
    'must be the name of an npm package',
  );

const pypiName = z
  .string()
  .max(214)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, 'must be the name of a PyPI project');

const packageOf = (name: z.ZodString) => z.strictObject({ name, version: version.optional() });

const source = z
  .strictObject({
    npm: packageOf(npmName).optional(),
    pypi: packageOf(pypiName).optional(),
    remote: remoteSchema.optional(),
    image: imageSchema.optional(),
    archon: archonSchema.optional(),
    script: scriptSchema.optional(),
  })
  .refine(
    (given) => Object.values(given).filter((one) => one !== undefined).length === 1,
    'needs exactly one of npm, pypi, remote, image, archon and script',
  );

const envName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of an environment variable')
  .refine((name) => !isForbiddenEnvName(name), 'may not be set: it changes how programs are found or loaded');

const noNul = /^[^\0]*$/;
const value = z
  .string()
  .max(32 * 1024)
  .regex(noNul, 'may not contain a NUL character');

const REFERENCE =
  'must be a reference: env:NAME, file:/absolute/path, secret:NAME, {"fromEnv": …}, {"fromFile": …} or {"fromStore": …}; in a cluster secret:NAME/KEY or {"fromSecret": {"name": …, "key": …}}';

const secret = z
  .union(
    [
      z.string(),
      z.strictObject({ fromEnv: z.string() }),
      z.strictObject({ fromFile: z.string() }),
      z.strictObject({ fromStore: z.string() }),
      z.strictObject({ fromSecret: secretKeySchema }),
    ],
    REFERENCE,
  )
  .transform((given, context): SecretReference => {
    const reference = typeof given === 'string' ? parseSecretReference(given) : toReference(given);
    if (reference) return reference;
    context.addIssue({ code: 'custom', message: REFERENCE });
    return z.NEVER;
  });

const milliseconds = z
  .int()
  .min(1_000)
  .max(7 * 24 * 3_600_000);
const grace = z.int().min(1).max(600_000);
const bytes = z
  .int()
  .min(1_024)
  .max(1024 * 1024 * 1024);

const limits = z.strictObject({
  idle: milliseconds.optional(),
  sessions: z.int().min(1).max(100_000).optional(),
  sessionsPerPrincipal: z.int().min(1).max(100_000).optional(),
  spares: z.int().min(0).max(100).optional(),
  requestTimeout: milliseconds.optional(),
  startTimeout: milliseconds.optional(),
  lineBytes: bytes.optional(),
  subscriptions: z.int().min(1).max(100_000).optional(),
  eofGrace: grace.optional(),
  termGrace: grace.optional(),
  /** In a cluster: how long a replica that is to go waits for its sessions to end. */
  drain: milliseconds.optional(),
  /** In a cluster: how long nobody uses it before its replicas are taken away until the next request; 0 for never. */
  sleep: z.union([z.literal(0), milliseconds]).optional(),
});

const health = z.strictObject({
  /** 0 for none but those that are asked for. */
  interval: z.union([z.literal(0), milliseconds]).optional(),
  failures: z.int().min(1).max(100).optional(),
  timeout: z.int().min(1_000).max(60_000).optional(),
});

/** What a person sends; {@link nameServer} completes it. */
export const serverSpecSchema = z
  .strictObject({
    name: z
      .string()
      .refine(isServerName, 'must be a DNS label: at most 52 lower-case letters, digits and dashes')
      .optional(),
    template: z.string().max(64).optional(),
    /** For people; it changes nothing. */
    description: z.string().max(1_024).optional(),
    source: source.optional(),
    /** Instead of the version of the template. */
    version: version.optional(),
    bin: program.optional(),
    args: z
      .array(
        z
          .string()
          .max(8 * 1024)
          .regex(noNul, 'may not contain a NUL character'),
      )
      .max(200)
      .default([]),
    env: z.record(envName, value).default({}),
    secrets: z.record(envName, secret).default({}),
    /** In a cluster: variables whose values are in ConfigMaps beside the server. */
    configMaps: z.record(envName, secretKeySchema).optional(),
    isolation: z.enum(['session', 'principal', 'shared', 'call']).optional(),
    sessions: z.enum(['minted', 'none']).optional(),
    /** What the server is spoken to as; without it, or with `auto`, what it shows to speak. */
    era: z.enum(['legacy', 'modern', 'both', 'auto']).optional(),
    limits: limits.default({}),
    // Without a default: the specifications that older gateways have stored do not have it.
    health: health.optional(),
    labels: labelsSchema.optional(),
    ...workloadFields,
  })
  .superRefine((spec, context) => {
    const fault = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if ((spec.template === undefined) === (spec.source === undefined))
      fault([], 'needs exactly one of template and source');
    if (spec.source && spec.version !== undefined)
      fault(['version'], 'stands inside source when there is no template');
    for (const name of Object.keys(spec.secrets))
      if (name in spec.env) fault(['env', name], 'is given in secrets too');
    for (const name of Object.keys(spec.configMaps ?? {}))
      if (name in spec.env || name in spec.secrets)
        fault(['configMaps', name], 'is given in env or secrets too');
    if (spec.source?.remote)
      for (const field of PROGRAM_FIELDS)
        if (!isEmpty(spec[field])) fault([field], 'is nothing that a remote server can be given');
  });

/** The ways in which a specification may say where its program comes from. */
export type SourceSpec = z.infer<typeof source>;

/** What only a program that is started here can be given. */
const PROGRAM_FIELDS = ['bin', 'args', 'env', 'secrets', 'configMaps'] as const;

function isEmpty(given: string | object | undefined): boolean {
  return given === undefined || (typeof given === 'object' && Object.keys(given).length === 0);
}

/** A validated specification, with its name. */
export type ServerSpec = z.infer<typeof serverSpecSchema> & { readonly name: string };

/** Validates what came over the wire. Throws `bad-input` with a JSON pointer for every fault; values are not repeated. */
export function parseServerSpec(input: unknown): ServerSpec {
  const result = serverSpecSchema.safeParse(input);
  if (!result.success) throw toInputError(result.error);
  return nameServer(result.data);
}

/** Gives a specification without a name that of its template or source. Throws `bad-input` where there is none to give. */
export function nameServer(spec: z.infer<typeof serverSpecSchema>): ServerSpec {
  return { ...spec, name: spec.name ?? spec.template ?? nameOf(spec.source) };
}

function nameOf(given: z.infer<typeof source> | undefined): string {
  if (given?.remote) return deriveRemoteName(new URL(given.remote.url));
  if (given?.archon) return 'archon';
  if (given?.image) return deriveServerName(given.image.image.replace(/(:[^/]*)?(@.*)?$/, ''));
  if (given?.script) throw nameless();
  return deriveServerName(given?.npm?.name ?? given?.pypi?.name ?? '');
}

function nameless(): BerthError {
  return new BerthError('bad-input', 'a script has no name of its own', {
    fields: [{ pointer: '/name', detail: 'is required for a script' }],
  });
}

/** True when both ask for the same; the order of members does not count. */
export function isSameSpec(a: ServerSpec, b: ServerSpec): boolean {
  return canonical(a) === canonical(b);
}

/** The `bad-input` error of a zod error: unknown members are named one by one. `thing`: what was described. */
export function toInputError(error: z.ZodError, thing = 'a server'): BerthError {
  const fields = error.issues.flatMap((issue) => {
    const pointer = issue.path
      .map((part) => `/${String(part).replace(/~/g, '~0').replace(/\//g, '~1')}`)
      .join('');
    if (issue.code !== 'unrecognized_keys') return [{ pointer, detail: issueText(issue) }];
    return issue.keys.map((key) => ({
      pointer: `${pointer}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`,
      detail: `is not a field of ${thing}`,
    }));
  });
  const [first] = fields;
  return new BerthError(
    'bad-input',
    first ? `${first.pointer || 'the body'} ${first.detail}` : 'the body is invalid',
    { fields },
  );
}

function issueText(issue: z.core.$ZodIssue): string {
  // A bad record key hides its reason one level down.
  const inner = issue.code === 'invalid_key' ? issue.issues[0] : undefined;
  const text = inner?.message ?? issue.message;
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
