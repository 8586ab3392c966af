/** Starts MCP servers as child processes of this program, each with its own process group, mark and stderr ring. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { KillSet } from './kill-set.ts';
import { DEFAULT_GRACES, endKillSet, type Graces, pause } from './kill-set-ladder.ts';
import type { Launch } from './launch.ts';
import type { Cell } from './limits/group-cell.ts';
import { createMark, MARK_VARIABLE, type ProcessOwner } from './process-mark.ts';
import { killGroup, type ProcessRegistry } from './process-registry.ts';
import { toSpawnError } from './process-start-error.ts';
import type { ProcessTable } from './process-table.ts';
import type { ProcessExit, ServerProcess } from './server-process.ts';
import { type ProcessOptions, StdioProcess } from './stdio-process.ts';

/** A process started by this program. */
export interface LocalProcess extends ServerProcess {
  /** Milliseconds from the spawn call to the running process. */
  readonly spawnMs: number;
  /** {@link ServerProcess.stop} has been called: its exit is wanted. */
  readonly stopping: boolean;
  /** Resolves when the process and all of its kill set have ended; never rejects. */
  readonly ended: Promise<void>;
  /** Once {@link ended}: what should have ended it does not say that nothing of it is left. */
  readonly mayRun?: boolean;
  /** Calls `line` for every further stderr line; returns the unsubscribe. */
  onStderr(line: (text: string) => void): () => void;
  /** Text of this process without its secrets and without control characters. */
  scrub(text: string): string;
}

export interface SpawnOptions extends ProcessOptions {
  readonly owner: ProcessOwner;
  readonly table: ProcessTable;
  readonly graces?: Graces;
  /** Told of every process started and ended. */
  readonly registry?: ProcessRegistry;
  /** Holds it to its limits; closed when all of it has ended, or when it cannot be started. */
  readonly cell?: Cell;
}

/** Starts processes, here or elsewhere. Rejects as {@link spawnProcess} does. */
export type StartProcess = (launch: Launch, options: SpawnOptions) => Promise<LocalProcess>;

/** Of a process that nothing is known of. */
const NO_EXIT: ProcessExit = { code: null, signal: null };
const KERNEL_MS = 1_000;

/** Starts a process. Rejects with `start-failed` (phase `spawn`) and a hint when the system cannot start it. */
export async function spawnProcess(launch: Launch, options: SpawnOptions): Promise<LocalProcess> {
  const startedAt = options.clock.now();
  const mark = createMark(options.owner);
  let child: ChildProcessWithoutNullStreams;
  try {
    const { file, args, cwd, env } = entered(launch, options.cell);
    const marked = { ...env, [MARK_VARIABLE]: mark };
    child = spawn(file, args, { cwd, env: marked, detached: true, stdio: 'pipe' });
    if (child.pid === undefined) await once(child, 'spawn');
  } catch (cause) {
    await options.cell?.close();
    throw toSpawnError(launch, cause);
  }
  const started = new ChildServerProcess(child, mark, startedAt, options);
  options.registry?.add(started);
  return started;
}

/** What enters a cell can only start a program; that there is none is said before. */
function entered(launch: Launch, cell: Cell | undefined): Launch {
  if (!cell) return launch;
  accessSync(launch.file, constants.X_OK);
  return cell.enter(launch);
}

/** A pipe's error is told by the process's exit. */
function ignore(): void {}

class ChildServerProcess extends StdioProcess implements LocalProcess {
  readonly exited: Promise<ProcessExit>;
  readonly ended: Promise<void>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #options: SpawnOptions;
  readonly #set: KillSet;
  /** Made when the end begins: most processes live long before it. */
  #hurry: AbortController | undefined;
  readonly #gone = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  #stopping = false;
  #ending: Promise<void> | undefined;

  constructor(child: ChildProcessWithoutNullStreams, mark: string, startedAt: number, options: SpawnOptions) {
    const { pid = 0, stdin: input, stdout: output, stderr } = child;
    super({ pid, startedAt }, { input, output, stderr }, options);
    const { table } = options;
    this.#child = child;
    this.#options = options;
    // The child is not reaped before this turn ends, so this pid is its own.
    this.#set = new KillSet({ mark, leader: { pid, started: table.started(pid) } }, table);
    for (const emitter of [child, input, output]) emitter.on('error', ignore);
    child.once('exit', (code, signal) => this.#exitedWith({ code, signal }));
    this.exited = this.#exitAfter();
    this.ended = this.#done.promise;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  async stop(options: { readonly force?: boolean } = {}): Promise<ProcessExit> {
    this.#stopping = true;
    const ended = this.#end();
    if (options.force) this.#hurry?.abort();
    await ended;
    // What escaped the kill set may hold the pipes open; nobody wants their content any more.
    const { stdin, stdout, stderr } = this.#child;
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    return this.exit ?? NO_EXIT;
  }

  killNow(): void {
    // Once its leader has been reaped the number of a group may be another's: the sweep of the next start sees to the rest.
    if (!this.exit) killGroup(this.pid);
  }

  #exitedWith(exit: ProcessExit): void {
    // Our own SIGKILL says nothing of what happened before.
    this.exit = this.#stopping ? exit : withMemory(exit, this.#options.cell);
    this.#gone.resolve();
    void this.#end();
  }

  async #exitAfter(): Promise<ProcessExit> {
    await this.#gone.promise;
    await this.lastWords();
    return this.exit ?? NO_EXIT;
  }

  #end(): Promise<void> {
    this.#hurry ??= new AbortController();
    this.#ending ??= this.#ladder(this.#hurry.signal).finally(() => this.#done.resolve());
    return this.#ending;
  }

  async #ladder(hurry: AbortSignal): Promise<void> {
    const { clock, graces = DEFAULT_GRACES } = this.#options;
    // The clock's timers do not keep the program open, but it must not end half-way down the ladder.
    const hold = setInterval(() => {}, 2 ** 30);
    try {
      if (!this.exit && !hurry.aborted) {
        // Known before it ends: children are handed to another parent then.
        await this.#set.refresh();
        void this.channel.close();
        await Promise.race([this.#gone.promise, pause(clock, graces.eof, hurry)]);
      }
      await endKillSet(this.#set, { clock, termMs: graces.term, hurry });
      // The set may be empty because nothing could be read of it.
      if (!this.exit) killGroup(this.pid);
      await Promise.race([this.#gone.promise, pause(clock, KERNEL_MS)]);
      // Also what has escaped the kill set is in there.
      await this.#options.cell?.close();
    } finally {
      clearInterval(hold);
    }
  }
}

/** Nobody else tells that memory ran out: to the process that starts it, it is a SIGKILL like any other. */
function withMemory(exit: ProcessExit, cell: Cell | undefined): ProcessExit {
  const outOfMemory = exit.code === 0 ? undefined : cell?.outOfMemory;
  return outOfMemory ? { ...exit, outOfMemory } : exit;
}
