/** What a program has left in the folders that it could write. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface WrittenFile {
  /** Under the name that the folder has for a reader, such as `~/cache/a.db`. */
  readonly path: string;
  readonly bytes: number;
}

export interface WrittenFiles {
  /** By path; the first ones of many. */
  readonly files: readonly WrittenFile[];
  /** How many there are in all. */
  readonly total: number;
}

/** Files that are listed one by one, and folders that are looked into. */
const MOST_LISTED = 100;
const MOST_FOLDERS = 2_000;

/** Regular files and links; `folders` maps a reader's name to an absolute path. Links are not followed. */
export async function writtenFiles(folders: Readonly<Record<string, string>>): Promise<WrittenFiles> {
  const files: WrittenFile[] = [];
  let total = 0;
  const waiting = Object.entries(folders).map(([name, path]) => ({ name, path }));
  const roots = new Set(Object.values(folders));
  for (let looked = 0; looked < MOST_FOLDERS; looked++) {
    const folder = waiting.shift();
    if (!folder) break;
    const entries = await readdir(folder.path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const one = { name: `${folder.name}/${entry.name}`, path: join(folder.path, entry.name) };
      if (entry.isDirectory()) {
        // One of the folders may be inside another.
        if (!roots.has(one.path)) waiting.push(one);
        continue;
      }
      total++;
      const bytes = await lstat(one.path).then(
        ({ size }) => size,
        () => 0,
      );
      if (files.length < MOST_LISTED) files.push({ path: one.name, bytes });
    }
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), total };
}
