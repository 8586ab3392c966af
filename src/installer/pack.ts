/** From a folder to the archive that berth-trees keeps: the same content gives the same bytes. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { BerthError } from '../errors.ts';
import { packEntries } from './tar.ts';

export interface Archive {
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  readonly bytes: number;
}

/** Writes the archive of `folder` to `file`. Rejects with `install-failed`. */
export async function packTree(folder: string, file: string): Promise<Archive> {
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      bytes += chunk.length;
      next(null, chunk);
    },
  });
  const tar = packEntries(folder, await entriesOf(folder));
  const fast = createGzip({ level: constants.Z_BEST_SPEED });
  await Promise.all([
    pipeline(tar.stream, fast, count, createWriteStream(file, { flags: 'wx', mode: 0o600 })),
    tar.done,
  ]);
  return { digest: hash.digest('hex'), bytes };
}

async function entriesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw new BerthError('install-failed', `the tree at ${folder} cannot be read`, {
      phase: 'install',
      cause,
    });
  });
  return entries.sort();
}
