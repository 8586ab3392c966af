/** Secrets as files, read each time that they are needed: a rotation counts for the next process, and nothing is restarted for it. */
import { readFile } from 'node:fs/promises';
import { BerthError } from '../errors.ts';
import type { Launch } from './launch.ts';
import type { RemoteTarget } from './server-definition.ts';

/** Names to absolute paths. */
export type SecretFiles = Readonly<Record<string, string>>;

/** Bytes of one secret, and of the variable that it becomes. */
const MAX_BYTES = 64 * 1024;

/** Names to values, without a line break at their end. Rejects with `start-failed`, naming what cannot be read and no value. */
export async function readSecretFiles(files: SecretFiles): Promise<Record<string, string>> {
  const entries = Object.entries(files).map(
    async ([name, path]) => [name, await readSecret(name, path)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** The launch with the secrets in its environment, and every value that must not be shown. */
export async function withSecretFiles(
  launch: Launch,
  { secretFiles, secrets }: { readonly secretFiles?: SecretFiles; readonly secrets: readonly string[] },
): Promise<{ readonly launch: Launch; readonly secrets: readonly string[] }> {
  if (!secretFiles) return { launch, secrets };
  const values = await readSecretFiles(secretFiles);
  return {
    launch: { ...launch, env: { ...launch.env, ...values } },
    secrets: [...secrets, ...Object.values(values)],
  };
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

async function readSecret(name: string, path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unusable(name, 'cannot be read', cause);
  });
  if (bytes.length > MAX_BYTES) throw unusable(name, 'is too long for a secret');
  const value = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (value === '') throw unusable(name, 'is empty');
  if (value.includes('\0')) throw unusable(name, 'contains a NUL character');
  return value;
}

function unusable(name: string, what: string, cause?: unknown): BerthError {
  return new BerthError('start-failed', `the value of secret ${name} ${what}`, {
    phase: 'spawn',
    hint: `Look at the Secret that ${name} refers to: its key must be there and hold the value.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
