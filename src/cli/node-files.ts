/** Files of the person at the keyboard: read, and replaced with what they held kept beside them. */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Places } from '../clients/client.ts';

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** The folders of this machine. */
export function placesOf(env: NodeJS.ProcessEnv): Places {
  const home = env.HOME || homedir();
  if (process.platform === 'darwin')
    return { platform: 'darwin', home, config: join(home, 'Library', 'Application Support') };
  if (process.platform === 'win32')
    return { platform: 'win32', home, config: env.APPDATA || join(home, 'AppData', 'Roaming') };
  return { platform: 'linux', home, config: env.XDG_CONFIG_HOME || join(home, '.config') };
}

export async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

export async function replaceFile(
  path: string,
  text: string,
  { secret = false }: { readonly secret?: boolean } = {},
): Promise<string | undefined> {
  // A link (of a person's dotfiles, mostly) stays one.
  const target = await realpath(path).catch(() => path);
  await mkdir(dirname(target), { recursive: true, ...(secret && { mode: PRIVATE_FOLDER }) });
  const before = await stat(target).catch(() => undefined);
  const backup = before && `${target}.berth-${new Date().toISOString().replace(/[:.]/g, '-')}`;
  if (backup !== undefined) await copyFile(target, backup);
  const written = `${target}.${randomBytes(6).toString('hex')}`;
  try {
    const mode = secret ? PRIVATE_FILE : before && before.mode & 0o777;
    await writeFile(written, text, { flag: 'wx', ...(mode !== undefined && { mode }) });
    await rename(written, target);
  } catch (error) {
    await rm(written, { force: true });
    throw error;
  }
  return backup;
}
