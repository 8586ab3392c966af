/** Which of a package's programs a server runs, and how a program's first line says to run it. */

import { open } from 'node:fs/promises';
import { BerthError } from '../errors.ts';

const FIRST_LINE_BYTES = 512;
const NODE_SHEBANG = /^#!\s*(?:\S*\/env\s+(?:-S\s*)?)?(?:\S*\/)?node(?:js)?((?:\s+-\S+)*)\s*$/;

/** Programs by name; the value tells programs apart (aliases share it). */
export type Programs = Readonly<Record<string, string>>;

/**
 * The program of that name; without a wish the only one, or the one named like the package without its scope
 * (the rule of npx and uvx). Throws `install-failed` that lists what there is.
 */
export function chooseProgram(programs: Programs, packageName: string, wished: string | undefined): string {
  const names = Object.keys(programs);
  if (wished !== undefined) {
    if (Object.hasOwn(programs, wished)) return wished;
    throw noProgram(`${packageName} has no program ${wished}`, names);
  }
  const [only] = names;
  if (only !== undefined && new Set(Object.values(programs)).size === 1) return only;
  const plain = packageName.replace(/^@[^/]+\//, '');
  if (Object.hasOwn(programs, plain)) return plain;
  if (names.length === 0) throw noProgram(`${packageName} has no program to run`, names);
  throw noProgram(`${packageName} has several programs and none is named like it`, names);
}

/** The flags of a script that is to be run by Node, or undefined for any other kind of file. */
export async function nodeFlagsOf(file: string): Promise<string[] | undefined> {
  const line = await firstLine(file);
  const match = NODE_SHEBANG.exec(line);
  if (match) return (match[1] ?? '').split(/\s+/).filter((flag) => flag !== '');
  // Without a first line that names an interpreter only the suffix can tell.
  return !line.startsWith('#!') && /\.[cm]?js$/.test(file) ? [] : undefined;
}

async function firstLine(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead).split(/\r?\n/, 1)[0] ?? '';
  } finally {
    await handle.close();
  }
}

function noProgram(message: string, names: readonly string[]): BerthError {
  const hint =
    names.length === 0 ? 'This package is no server to run.' : `Set bin to one of: ${names.join(', ')}.`;
  return new BerthError('install-failed', message, { phase: 'install', hint });
}
