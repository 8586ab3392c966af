/** Files that only the owner of the data folder may read, replaced as a whole. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { BerthError } from '../errors.ts';

const OTHERS = 0o077;
const hasModes = process.platform !== 'win32';

/** The parsed JSON, or undefined when there is no such file. Throws `bad-setting` when others may read it or it is no JSON. */
export function readPrivateJson(path: string): unknown {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  if (hasModes && (stats.mode & OTHERS) !== 0) {
    throw new BerthError('bad-setting', `${path} can be read or written by other users`, {
      hint: `Run: chmod 600 ${path}`,
    });
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new BerthError('bad-setting', `${path} is damaged`, {
      cause,
      hint: 'Restore the file, or remove it to begin anew.',
    });
  }
}

/** Replaces the file in one step; readers see the old text or the new one. */
export function writePrivateJson(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
