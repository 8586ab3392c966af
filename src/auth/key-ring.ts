/** The sealing keys of one machine: a file in the data folder, made at the first start. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import { readPrivateJson, writePrivateJson } from './private-file.ts';
import type { SealKey } from './seal.ts';

export interface KeyRing {
  /** The current key, then the previous one if there is one. */
  readonly keys: readonly SealKey[];
  /** Makes a new current key; the old one still opens ids, the one before it no more. Returns the new {@link keys}. */
  rotate(): readonly SealKey[];
}

/** Its name in a data folder, and in the Secret of a cluster. */
export const KEY_RING_FILE = 'seal-keys.json';

const SECRET_BYTES = 32;
const NAME_BYTES = 4;
const KEPT = 2;

const keySchema = z.object({
  name: z.base64url().length(6),
  secret: z.base64url().length(43),
});
const ringSchema = z.object({ keys: z.array(keySchema).min(1).max(KEPT) });

/** Reads `seal-keys.json` of the data folder, or makes it. Throws `bad-setting` when it is damaged or open to other users. */
export function openKeyRing(dataDir: string): KeyRing {
  const path = join(dataDir, KEY_RING_FILE);
  let keys = readRing(path) ?? writeRing(path, [createSealKey()]);
  return {
    get keys() {
      return keys;
    },
    rotate() {
      keys = writeRing(path, [createSealKey(), ...keys].slice(0, KEPT));
      return keys;
    },
  };
}

/** A fresh random key with a random name. */
export function createSealKey(): SealKey {
  return { name: randomBytes(NAME_BYTES).toString('base64url'), secret: randomBytes(SECRET_BYTES) };
}

/** The keys of a ring's file. Throws `bad-setting`; what it says of the content is nothing. */
export function parseKeyRing(text: string, path: string): readonly SealKey[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // Told as damaged below, without the text: it is secret.
  }
  return toKeys(content, path);
}

function readRing(path: string): readonly SealKey[] | undefined {
  const content = readPrivateJson(path);
  return content === undefined ? undefined : toKeys(content, path);
}

function toKeys(content: unknown, path: string): readonly SealKey[] {
  const parsed = ringSchema.safeParse(content);
  if (!parsed.success) throw new BerthError('bad-setting', `${path} is no ring of sealing keys`);
  return parsed.data.keys.map(({ name, secret }) => ({ name, secret: Buffer.from(secret, 'base64url') }));
}

function writeRing(path: string, keys: readonly SealKey[]): readonly SealKey[] {
  writePrivateJson(path, {
    keys: keys.map(({ name, secret }) => ({ name, secret: secret.toString('base64url') })),
  });
  return keys;
}
