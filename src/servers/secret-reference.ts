/** Secrets of a server: always a reference, resolved at the last moment; the value is never stored, logged or answered. */
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { BerthError } from '../errors.ts';

/**
 * Where a value is: in the gateway's environment, in a file on its machine, among the secrets that the gateway keeps, or, in a
 * cluster, in a Secret beside the server, which the gateway never reads.
 */
export type SecretReference =
  | { readonly fromEnv: string }
  | { readonly fromFile: string }
  | { readonly fromStore: string }
  | { readonly fromSecret: SecretKey };

/** One value of a Secret in the cluster. */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

export type SecretReferences = Readonly<Record<string, SecretReference>>;

/** A header whose value is secret: an authorization scheme, where there is one, and the credential by reference. */
export type HeaderReference = SecretReference & { readonly scheme?: string };

/** What references are resolved against; a double in tests. */
export interface SecretSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of the file. Rejects when it cannot be read. */
  readFile(path: string): Promise<string>;
  /** What the gateway keeps under a name. */
  stored?(name: string): string | undefined;
}

/** Bytes of one secret file. */
const MAX_SECRET_BYTES = 64 * 1024;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

const STORED_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;
const SECRET_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const SECRET_KEY = /^[A-Za-z0-9._-]{1,253}$/;

const SCHEME = /^[A-Za-z][A-Za-z0-9-]{0,31}$/;

/** Reads `env:NAME`, `file:/absolute/path`, `secret:NAME` and `secret:NAME/KEY`; undefined for anything else, which may be a secret itself and is not to be repeated. */
export function parseSecretReference(text: string): SecretReference | undefined {
  if (text.startsWith('env:')) return toReference({ fromEnv: text.slice(4) });
  if (text.startsWith('file:')) return toReference({ fromFile: text.slice(5) });
  if (text.startsWith('secret:')) {
    const [name = '', key, ...rest] = text.slice(7).split('/');
    if (key === undefined) return toReference({ fromStore: name });
    return rest.length === 0 ? toReference({ fromSecret: { name, key } }) : undefined;
  }
  return undefined;
}

/** The reference when it is well formed. Variables of Berth itself (`BERTH_…`) cannot be handed to a server. */
export function toReference(value: SecretReference): SecretReference | undefined {
  if ('fromEnv' in value)
    return ENV_NAME.test(value.fromEnv) && !/^berth_/i.test(value.fromEnv) ? value : undefined;
  if ('fromSecret' in value) {
    const { name, key } = value.fromSecret;
    return SECRET_NAME.test(name) && SECRET_KEY.test(key) ? value : undefined;
  }
  if ('fromStore' in value) return STORED_NAME.test(value.fromStore) ? value : undefined;
  const path = value.fromFile;
  return isAbsolute(path) && path.length <= 4096 && !path.includes('\0') ? value : undefined;
}

/** Reads a reference with or without a scheme in front, as in `Bearer env:NAME`; undefined for anything else. */
export function parseHeaderReference(text: string): HeaderReference | undefined {
  const [first = '', second, ...rest] = text.split(' ');
  if (second === undefined) return parseSecretReference(first);
  const reference = rest.length === 0 ? parseSecretReference(second) : undefined;
  return reference && toHeaderReference({ ...reference, scheme: first });
}

/** The same for an object. */
export function toHeaderReference({ scheme, ...value }: HeaderReference): HeaderReference | undefined {
  const reference = toReference(value);
  if (scheme === undefined || !reference) return reference;
  return SCHEME.test(scheme) ? { ...reference, scheme } : undefined;
}

/** The environment of this process and its file system. */
export const systemSecrets: SecretSource = {
  env: process.env,
  async readFile(path) {
    const file = await open(path, 'r');
    try {
      if (!(await file.stat()).isFile()) throw new Error('not a regular file');
      const buffer = Buffer.alloc(MAX_SECRET_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead > MAX_SECRET_BYTES) throw new Error('too large for a secret');
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  },
};

/** Variable name to value. Rejects with `missing-input` that names every reference without a value, each below `pointer`. */
export async function resolveSecrets(
  references: SecretReferences,
  source: SecretSource,
  pointer = '/secrets',
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  const fields: { pointer: string; detail: string }[] = [];
  for (const [name, reference] of Object.entries(references)) {
    const value = await readSecret(reference, source);
    if (value) values[name] = value;
    else fields.push({ pointer: `${pointer}/${name}`, detail: describeMissing(name, reference) });
  }
  const [first] = fields;
  if (!first) return values;
  throw new BerthError('missing-input', first.detail, {
    fields,
    hint: 'Set it where the gateway runs, and start the server again.',
  });
}

async function readSecret(reference: SecretReference, source: SecretSource): Promise<string | undefined> {
  if ('fromEnv' in reference) return source.env[reference.fromEnv];
  if ('fromSecret' in reference) return undefined;
  if ('fromStore' in reference) return source.stored?.(reference.fromStore);
  const text = await source.readFile(reference.fromFile).catch(() => undefined);
  return text?.replace(/\r?\n$/, '');
}

function describeMissing(name: string, reference: SecretReference): string {
  if ('fromSecret' in reference)
    return `secret ${name}: ${reference.fromSecret.name}/${reference.fromSecret.key} is in a cluster, and this gateway runs servers on its own machine`;
  if ('fromStore' in reference)
    return `secret ${name}: the gateway keeps no secret ${reference.fromStore} (berth secret set ${reference.fromStore})`;
  return 'fromEnv' in reference
    ? `secret ${name}: the gateway's environment has no ${reference.fromEnv}`
    : `secret ${name}: the file ${reference.fromFile} cannot be read or is empty`;
}
