/** The `tar` of the machine, with every choice that would make two archives of one folder differ taken away. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { BerthError } from '../errors.ts';

const MAX_STDERR = 4_096;

const PACK = [
  '--create',
  '--file=-',
  '--format=posix',
  '--pax-option=delete=atime,delete=ctime,delete=mtime',
  '--sort=name',
  '--mtime=@0',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mode=u+rwX,go+rX,go-w,a-s',
];
/** What tar itself does against members that lead out of the folder stays on: no `--absolute-names`. */
const UNPACK = [
  '--extract',
  '--file=-',
  '--no-same-owner',
  '--no-same-permissions',
  '--no-overwrite-dir',
  '--delay-directory-restore',
];

export interface TarProcess<Stream> {
  readonly stream: Stream;
  /** Rejects with `install-failed` and tar's own words. */
  readonly done: Promise<void>;
}

/** The archive of these entries of the folder as a stream. The folder itself is not in it: where it is unpacked it is not ours. */
export function packEntries(folder: string, entries: readonly string[]): TarProcess<Readable> {
  const members = entries.map((name) => `./${name}`);
  const child = spawn('tar', [...PACK, `--directory=${folder}`, '--', ...members], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plainEnv(),
  });
  return { stream: child.stdout, done: endOf(child, 'pack') };
}

/** Takes an archive into the folder, which must be there. */
export function unpackFolder(folder: string): TarProcess<Writable> {
  const child = spawn('tar', [...UNPACK, `--directory=${folder}`], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: plainEnv(),
  });
  return { stream: child.stdin, done: endOf(child, 'unpack') };
}

interface Child {
  readonly stderr: Readable;
  once(event: 'close' | 'error', listener: (...args: unknown[]) => void): unknown;
}

async function endOf(child: Child, what: 'pack' | 'unpack'): Promise<void> {
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < MAX_STDERR) said += chunk.toString('utf8');
  });
  const failed = once(child as never, 'error').then(([error]) => Promise.reject(error));
  const [code] = (await Promise.race([once(child as never, 'close'), failed])) as [number | null];
  if (code === 0) return;
  throw new BerthError('install-failed', `tar could not ${what} the tree`, {
    phase: 'install',
    exitCode: code,
    stderr: said.split('\n').filter(Boolean).slice(0, 20),
  });
}

/** Variables such as TAR_OPTIONS would change what it does. */
function plainEnv(): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8' };
}
