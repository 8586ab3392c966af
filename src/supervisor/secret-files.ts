/** Secrets and other values as files, read each time that they are needed: a rotation counts for the next process, and nothing is restarted for it. */
import { readFile } from 'node:fs/promises';
import { BerthError } from '../errors.ts';
import type { Launch } from './launch.ts';
import type { RemoteTarget } from './server-definition.ts';

/** Names to absolute paths. */
export type SecretFiles = Readonly<Record<string, string>>;

/** Bytes of one secret, and of the variable that it becomes. */
const MAX_BYTES = 64 * 1024;

/** Names to values, without a line break at their end. Rejects with `start-failed`, naming what cannot be read and no value. */
export function readSecretFiles(files: SecretFiles): Promise<Record<string, string>> {
  return readAll(files, async (name, path) => {
    const value = await readValue(name, path, 'Secret');
    if (value === '') throw unusable(name, 'is empty', 'Secret');
    return value;
  });
}

interface FileValues {
  readonly secretFiles?: SecretFiles;
  readonly valueFiles?: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** The launch with the values in its environment, and every one that must not be shown. */
export async function withSecretFiles(
  launch: Launch,
  { secretFiles = {}, valueFiles = {}, secrets }: FileValues,
): Promise<{ readonly launch: Launch; readonly secrets: readonly string[] }> {
  const [secret, plain] = await Promise.all([
    readSecretFiles(secretFiles),
    readAll(valueFiles, (name, path) => readValue(name, path, 'ConfigMap')),
  ]);
  return {
    launch: { ...launch, env: { ...launch.env, ...plain, ...secret } },
    secrets: [...secrets, ...Object.values(secret)],
  };
}

async function readAll(
  files: Readonly<Record<string, string>>,
  read: (name: string, path: string) => Promise<string>,
): Promise<Record<string, string>> {
  const entries = Object.entries(files).map(async ([name, path]) => [name, await read(name, path)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** The headers of a remote server with those from files, and every value that must not be shown. */
export async function withHeaderFiles(
  { headers, headerFiles }: Pick<RemoteTarget, 'headers' | 'headerFiles'>,
  secrets: readonly string[],
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly secrets: readonly string[] }> {
  if (!headerFiles) return { headers, secrets };
  const files = Object.entries(headerFiles).map(([name, { file }]) => [name, file]);
  const values = await readSecretFiles(Object.fromEntries(files) as SecretFiles);
  const full = Object.entries(values).map(([name, value]) => {
    const scheme = headerFiles[name]?.scheme;
    return [name, scheme === undefined ? value : `${scheme} ${value}`];
  });
  return {
    headers: { ...headers, ...Object.fromEntries(full) },
    secrets: [...secrets, ...Object.values(values)],
  };
}

type ValueObject = 'Secret' | 'ConfigMap';

async function readValue(name: string, path: string, from: ValueObject): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unusable(name, 'cannot be read', from, cause);
  });
  if (bytes.length > MAX_BYTES) throw unusable(name, 'is too long for a variable', from);
  const value = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (value.includes('\0')) throw unusable(name, 'contains a NUL character', from);
  return value;
}

function unusable(name: string, what: string, from: ValueObject, cause?: unknown): BerthError {
  const kind = from === 'Secret' ? 'secret' : 'variable';
  return new BerthError('start-failed', `the value of ${kind} ${name} ${what}`, {
    phase: 'spawn',
    hint: `Look at the ${from} that ${name} refers to: its key must be there and hold the value.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
