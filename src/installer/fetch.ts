/** The init container of a server's pod: gets its tree from berth-trees, checks it, and unpacks it. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { BerthError } from '../errors.ts';
import { failureReport } from './report.ts';
import { getArchive } from './trees-client.ts';
import { unpackTree } from './unpack.ts';

const MAX_ARCHIVE = 4 * 1024 ** 3;
const MAX_UNPACKED = 16 * 1024 ** 3;

/** Rejects with `install-failed`, the folder left empty; a second run of a container finds what it finds, and begins anew. */
export async function fetchTree({
  url,
  into,
}: {
  readonly url: string;
  readonly into: string;
}): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-fetch-'));
  try {
    for (const name of await readdir(into)) await rm(join(into, name), { recursive: true, force: true });
    const archive = join(scratch, 'tree.tar.gz');
    await getArchive({ url, file: archive, maxBytes: MAX_ARCHIVE });
    await unpackTree({ archive, folder: into, maxBytes: MAX_UNPACKED });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function readArguments(): { readonly url: string; readonly into: string } {
  const { values } = parseArgs({ options: { url: { type: 'string' }, into: { type: 'string' } } });
  const { url, into } = values;
  if (url === undefined || into === undefined)
    throw new BerthError('bad-setting', 'usage: --url URL --into FOLDER');
  return { url, into };
}

async function main(): Promise<void> {
  try {
    await fetchTree(readArguments());
  } catch (thrown) {
    process.stderr.write(`${failureReport(thrown)}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) void main();
