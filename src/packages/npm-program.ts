/** The program of an installed npm package. */

import { readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { BerthError } from '../errors.ts';
import type { InstalledTree, ResolvedPackage } from './package.ts';
import { chooseProgram, nodeFlagsOf, type Programs } from './program-choice.ts';

interface Manifest {
  readonly bin?: string | Readonly<Record<string, unknown>>;
}

/** Program file (absolute) and leading arguments: Node scripts run on our own Node with the flags of their first line. Rejects with `install-failed`. */
export async function npmProgram(tree: string, resolved: ResolvedPackage): Promise<InstalledTree['program']> {
  const folder = join(tree, 'node_modules', resolved.name);
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  const programs = toPrograms(manifest, resolved.name);
  const name = chooseProgram(programs, resolved.name, resolved.bin);
  const file = await insideTree(tree, join(folder, programs[name] ?? ''), resolved.name);
  const flags = await nodeFlagsOf(file);
  return flags === undefined ? { file, args: [] } : { file: process.execPath, args: [...flags, file] };
}

function toPrograms(manifest: Manifest, packageName: string): Programs {
  if (typeof manifest.bin === 'string') return { [packageName.replace(/^@[^/]+\//, '')]: manifest.bin };
  const entries = Object.entries(manifest.bin ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

async function insideTree(tree: string, file: string, packageName: string): Promise<string> {
  const root = await realpath(tree);
  const real = await realpath(file).catch(() => undefined);
  if (real?.startsWith(root + sep)) return real;
  const what =
    real === undefined ? 'names a program file that it does not contain' : 'names a program outside itself';
  throw new BerthError('install-failed', `${packageName} ${what}`, { phase: 'install' });
}
