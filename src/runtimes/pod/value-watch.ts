/** Values of a server that stand in files: somebody renews them while it runs, and processes that wait for their first client have the old ones. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Cancel, Clock } from '../../clock.ts';
import { watchMounted } from '../../mounted-files.ts';
import type { SupervisedServer } from '../../supervisor/definition-file.ts';

/** Calls `changed` whenever other values are there than before. Resolves once those of now are known; never rejects. */
export async function watchValues(
  definition: SupervisedServer,
  { clock, changed }: { readonly clock: Clock; readonly changed: () => void },
): Promise<Cancel> {
  const paths = pathsOf(definition);
  if (paths.length === 0) return () => {};
  const read = (): Promise<string> => fingerprint(paths);
  const isSame = (a: string, b: string): boolean => a === b;
  // What cannot be read now its processes could not have read either.
  const watched = await watchMounted({ read, isSame, clock, onRenewed: changed }).catch(() => undefined);
  return () => watched?.close();
}

function pathsOf({ secretFiles = {}, valueFiles = {}, remote }: SupervisedServer): string[] {
  const headers = Object.values(remote?.headerFiles ?? {}).map(({ file }) => file);
  return [...Object.values(secretFiles), ...Object.values(valueFiles), ...headers];
}

/** No value is kept for this. */
async function fingerprint(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const bytes of await Promise.all(paths.map((path) => readFile(path))))
    hash.update(createHash('sha256').update(bytes).digest());
  return hash.digest('hex');
}
