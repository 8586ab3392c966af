/** What an installed package runs on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of the virtual environment in a tree, such as `Python 3.12.4`; undefined where there is none. */
export async function pythonOf(tree: string): Promise<string | undefined> {
  const settings = await readFile(join(tree, 'venv', 'pyvenv.cfg'), 'utf8').catch(() => undefined);
  if (settings === undefined) return undefined;
  const version = /^version(?:_info)?\s*=\s*(\S+)/m.exec(settings)?.[1];
  return version === undefined ? 'Python' : `Python ${version}`;
}
