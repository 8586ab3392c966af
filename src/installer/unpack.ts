/**
 * From an archive to a folder that nothing of it leaves. The archive's bytes are those of a digest, but a package's own scripts may
 * have had a hand in what is in it.
 */
import { createReadStream } from 'node:fs';
import { readdir, readlink, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { BerthError } from '../errors.ts';
import { unpackFolder } from './tar.ts';

/** A virtual environment links to the Python of the machine: that one link may leave the tree, and to a Python only. */
const INTERPRETER = /^(\/(?!\.\.?\/)[^/]+)*\/bin\/python3(\.\d+)?$/;
const INTERPRETER_LINK = 'venv/bin/python';

export interface UnpackOptions {
  readonly archive: string;
  /** Empty. */
  readonly folder: string;
  /** Bytes that the unpacked files may take. */
  readonly maxBytes: number;
}

/** Rejects with `install-failed`, and then leaves the folder empty. */
export async function unpackTree({ archive, folder, maxBytes }: UnpackOptions): Promise<void> {
  try {
    const tar = unpackFolder(folder);
    // Both are over before anything is cleared away.
    const ends = await Promise.allSettled([
      pipeline(createReadStream(archive), createGunzip(), limit(maxBytes), untilClosed(tar.stream)),
      tar.done,
    ]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    await checkTree(folder);
  } catch (thrown) {
    await empty(folder);
    if (thrown instanceof BerthError) throw thrown;
    const text = thrown instanceof Error ? thrown.message : 'unknown failure';
    throw refused(`the archive cannot be unpacked: ${text}`, thrown);
  }
}

/** Rejects with `install-failed` when something in the folder is neither file nor folder nor a link within it. */
export async function checkTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (!entry.isSymbolicLink()) throw refused(`${name} is neither file, folder nor link`);
    const target = await readlink(path);
    if (!staysInside(folder, path, target) && !isInterpreter(name, target))
      throw refused(`${name} links to ${target}, out of the tree`);
  }
}

function staysInside(folder: string, path: string, target: string): boolean {
  const to = resolve(dirname(path), target);
  return !isAbsolute(target) && (to === folder || to.startsWith(folder + sep));
}

function isInterpreter(name: string, target: string): boolean {
  return name === INTERPRETER_LINK && INTERPRETER.test(target);
}

/** A small archive must not fill a node's disk. */
function limit(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length;
      if (bytes > maxBytes) next(refused(`the tree takes more than ${maxBytes} bytes`));
      else next(null, chunk);
    },
  });
}

/** Tar leaves once it has seen the end of the archive, which may be before it is told so: only its exit code says how it went. */
function untilClosed(stream: Writable): Writable {
  stream.on('error', () => {});
  return new Writable({
    write(chunk: Buffer, _encoding, next) {
      if (stream.destroyed) next();
      else stream.write(chunk, () => next());
    },
    final(next) {
      stream.end();
      next();
    },
    destroy(error, next) {
      if (error) stream.destroy();
      next(error);
    },
  });
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    await rm(join(folder, name), { recursive: true, force: true });
}

function refused(message: string, cause?: unknown): BerthError {
  return new BerthError('install-failed', message, {
    phase: 'install',
    ...(cause === undefined ? {} : { cause }),
  });
}
