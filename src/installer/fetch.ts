/** Brings the tree of a server into its pod: gets it from berth-trees, checks it, and unpacks it. */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BerthError } from '../errors.ts';
import { getArchive } from './trees-client.ts';
import { unpackTree } from './unpack.ts';

const MAX_ARCHIVE = 4 * 1024 ** 3;
const MAX_UNPACKED = 16 * 1024 ** 3;
/** Says in the folder of the state which tree is there whole. */
const NOTE = 'tree';
const SCRATCH = 'fetch-';

export interface TreePlace {
  /** Of the archive; ends with its digest. */
  readonly url: string;
  /** Where its files go. Whoever runs them must not be able to write there. */
  readonly into: string;
  /** A folder of ours alone: for the archive while it is unpacked, and for what was done. */
  readonly state: string;
}

/**
 * Rejects with `install-failed`, the folder left empty. What an earlier run of the program has brought whole is left as it is:
 * only `state` is asked, as files of a tree may say anything.
 */
export async function fetchTree({ url, into, state }: TreePlace): Promise<void> {
  const digest = basename(url);
  const note = join(state, NOTE);
  if ((await readFile(note, 'utf8').catch(() => '')) === digest) return;
  try {
    await bring({ url, into, state }, { note, digest });
  } catch (thrown) {
    if (thrown instanceof BerthError) throw thrown;
    const text = thrown instanceof Error ? thrown.message : 'unknown failure';
    throw new BerthError('install-failed', `the tree cannot be written: ${text}`, {
      phase: 'install',
      cause: thrown,
      hint: 'Look at the node: its disk space, and the size limits servers.treeSize and servers.scratchSize.',
    });
  }
}

async function bring(
  { url, into, state }: TreePlace,
  { note, digest }: { readonly note: string; readonly digest: string },
): Promise<void> {
  await rm(note, { force: true });
  // A run that was killed has left its archive.
  for (const name of await readdir(state))
    if (name.startsWith(SCRATCH)) await rm(join(state, name), { recursive: true, force: true });
  const scratch = await mkdtemp(join(state, SCRATCH));
  try {
    for (const name of await readdir(into)) await rm(join(into, name), { recursive: true, force: true });
    const archive = join(scratch, 'tree.tar.gz');
    await getArchive({ url, file: archive, maxBytes: MAX_ARCHIVE });
    await unpackTree({ archive, folder: into, maxBytes: MAX_UNPACKED });
    await writeFile(join(scratch, NOTE), digest);
    await rename(join(scratch, NOTE), note);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
