/** Runs an installer to its end: argument list only, own environment, own process group, bounded output. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { onExit } from 'signal-exit';

const MAX_STDOUT_BYTES = 4 * 1024 * 1024;
const TAIL_LINES = 20;
const MAX_LINE_CHARS = 500;
/** Milliseconds for the rest of its output after the program's end. */
const OUTPUT_WITHIN = 2_000;

export interface ProgramRun {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with the process id, which is its group's too. */
  readonly started?: (pid: number) => void;
}

export interface ProgramResult {
  /** Null when a signal ended it or it could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of standard error, without credentials. */
  readonly stderr: readonly string[];
}

/** Removes the user part of URLs and what follows a token setting. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, '$1***@')
    .replace(/(_auth(?:Token)?|_password|bearer|basic)(["']?\s*[=: ]\s*["']?)[^\s"']+/gi, '$1$2***');
}

/**
 * Resolves with how it ended, also for a bad exit code; rejects with the signal's reason, or what `started` threw, after everything was
 * killed. What has left its group and holds its output is not waited for.
 */
export async function runProgram(run: ProgramRun): Promise<ProgramResult> {
  run.signal?.throwIfAborted();
  const child = spawn(run.file, run.args, {
    cwd: run.cwd,
    env: run.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => killGroup(child.pid);
  const cancel = onExit(kill);
  const stdout = collect(child.stdout, MAX_STDOUT_BYTES, 'head');
  const stderr = collect(child.stderr, TAIL_LINES * MAX_LINE_CHARS, 'tail');
  const over = endOf(child, stderr);
  run.signal?.addEventListener('abort', kill, { once: true });
  try {
    if (child.pid !== undefined) run.started?.(child.pid);
    const code = await over;
    run.signal?.throwIfAborted();
    return { code, stdout: stdout.text(), stderr: tailLines(stderr.text()) };
  } catch (thrown) {
    kill();
    await over;
    throw thrown;
  } finally {
    cancel();
    run.signal?.removeEventListener('abort', kill);
  }
}

/** The exit code, once its output has come; null when a signal ended it or it could not be started. */
async function endOf(child: ChildProcessByStdio<null, Readable, Readable>, stderr: Collected) {
  const ended = Promise.withResolvers<number | null>();
  const closed = Promise.withResolvers<void>();
  child.once('error', (error) => {
    stderr.push(Buffer.from(error.message));
    ended.resolve(null);
    closed.resolve();
  });
  child.once('exit', ended.resolve);
  child.once('close', () => closed.resolve());
  const code = await ended.promise;
  const late = setTimeout(closed.resolve, OUTPUT_WITHIN);
  await closed.promise;
  clearTimeout(late);
  for (const stream of [child.stdout, child.stderr]) stream.destroy();
  return code;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

interface Collected {
  push(chunk: Buffer): void;
  text(): string;
}

function collect(stream: NodeJS.ReadableStream, maxBytes: number, keep: 'head' | 'tail'): Collected {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const push = (given: Buffer) => {
    const chunk = keep === 'head' ? given.subarray(0, maxBytes - bytes) : given;
    if (chunk.length === 0) return;
    chunks.push(chunk);
    bytes += chunk.length;
    while (keep === 'tail' && chunks.length > 1 && bytes - (chunks[0]?.length ?? 0) >= maxBytes) {
      bytes -= chunks.shift()?.length ?? 0;
    }
  };
  stream.on('data', push);
  return { push, text: () => Buffer.concat(chunks).toString('utf8') };
}

function tailLines(text: string): string[] {
  const lines = withoutCredentials(text).split(/\r?\n/);
  return lines
    .map((line) => line.trimEnd().slice(0, MAX_LINE_CHARS))
    .filter((line) => line !== '')
    .slice(-TAIL_LINES);
}
