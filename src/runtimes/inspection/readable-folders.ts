/** What a package needs to read besides the system's programs: its tree, and the Node or Python that it runs on. */
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

export interface Tree {
  readonly path: string;
  readonly program: { readonly file: string };
}

/** Links from a virtual environment to the Python behind it. */
const MOST_LINKS = 8;
/** What every contained program sees anyway. */
const SYSTEM = /^\/(?:usr|bin|sbin|lib|lib32|lib64)(?:\/|$)/;

/** Absolute paths; what does not exist may be among them. */
export async function readableFolders({ path, program }: Tree): Promise<string[]> {
  const programs = [program.file];
  for (let at = program.file; programs.length < MOST_LINKS; ) {
    const link = await readlink(at).catch(() => undefined);
    if (link === undefined) break;
    at = resolve(dirname(at), link);
    programs.push(at);
  }
  programs.push(await realpath(program.file).catch(() => program.file));
  const folders = [path, ...runtimeFolders(process.execPath), ...programs.flatMap(runtimeFolders)];
  const inTree = (folder: string) => folder !== path && folder.startsWith(`${path}/`);
  return [...new Set(folders)].filter((folder) => !SYSTEM.test(folder) && !inTree(folder));
}

/** A program's own folder, and the libraries beside it when it stands in a `bin`; never the folder above, which may be somebody's home. */
function runtimeFolders(file: string): string[] {
  const folder = dirname(file);
  return basename(folder) === 'bin' ? [folder, join(dirname(folder), 'lib')] : [folder];
}
