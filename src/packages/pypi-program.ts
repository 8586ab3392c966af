/** The console script of an installed PyPI package. */

import { access, constants, open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BerthError } from '../errors.ts';
import type { InstalledTree, ResolvedPackage } from './package.ts';
import { normalisePypiName } from './package-source.ts';
import { chooseProgram, type Programs } from './program-choice.ts';

const HEAD_BYTES = 512;
/** Installed scripts as RECORD lists them: entry points and script files alike. */
const SCRIPT_LINE = /^\.\.\/\.\.\/\.\.\/bin\/([A-Za-z0-9][A-Za-z0-9._-]*),/gm;

/** Program file (absolute) and leading arguments; Python scripts run on the tree's own Python. Rejects with `install-failed`. */
export async function pypiProgram(
  tree: string,
  resolved: ResolvedPackage,
): Promise<InstalledTree['program']> {
  const venv = join(tree, 'venv');
  await checkPython(join(venv, 'bin', 'python'), resolved.name);
  const name = chooseProgram(await scriptsOf(venv, resolved.name), resolved.name, resolved.bin);
  const file = join(venv, 'bin', name);
  return (await isPython(file)) ? { file: join(venv, 'bin', 'python'), args: [file] } : { file, args: [] };
}

/** The environment links to a Python of this machine, which an upgrade may have taken away. */
async function checkPython(python: string, packageName: string): Promise<void> {
  await access(python, constants.X_OK).catch((cause: unknown) => {
    const hint = 'Install that Python again, or remove the server and create it anew.';
    const message = `the Python that ${packageName} was installed for is gone`;
    throw new BerthError('install-failed', message, { phase: 'install', hint, cause });
  });
}

async function scriptsOf(venv: string, packageName: string): Promise<Programs> {
  const lib = join(venv, 'lib');
  const [python] = (await readdir(lib)).filter((name) => name.startsWith('python'));
  const site = join(lib, python ?? '', 'site-packages');
  const info = (await readdir(site)).find((name) => isInfoOf(name, packageName));
  if (info === undefined)
    throw new BerthError('install-failed', `${packageName} is not in its tree`, { phase: 'install' });
  const record = await readFile(join(site, info, 'RECORD'), 'utf8');
  const names = [...record.matchAll(SCRIPT_LINE)].map(([, name = '']) => basename(name));
  return Object.fromEntries(names.map((name) => [name, name]));
}

function isInfoOf(folder: string, packageName: string): boolean {
  const match = /^(.+)-[^-]+\.dist-info$/.exec(folder);
  return match !== null && normalisePypiName(match[1] ?? '') === packageName;
}

/** A script that an installer wrote: its first line names a Python, or a shell that starts one (for long paths). */
async function isPython(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const [first = '', second = ''] = buffer.toString('latin1', 0, bytesRead).split('\n');
    return /^#!.*python/.test(first) || (/^#!\/bin\/sh/.test(first) && second.startsWith("'''exec'"));
  } finally {
    await handle.close();
  }
}
