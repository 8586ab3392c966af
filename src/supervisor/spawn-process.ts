/** Starts MCP servers in another container of the pod, through `berth-spawn`, which ends them by the same ladder. */
import { DEFAULT_GRACES, pause } from './kill-set-ladder.ts';
import type { Launch } from './launch.ts';
import type { LocalProcess, SpawnOptions } from './process.ts';
import type { ProcessExit } from './server-process.ts';
import { type SpawnedStreams, spawnOver } from './spawn-client.ts';
import { StdioProcess } from './stdio-process.ts';

export interface RemoteSpawnOptions extends Omit<SpawnOptions, 'owner' | 'table'> {
  /** The helper's socket: a path, or `@name`. */
  readonly socket: string;
  /** Milliseconds for which a helper that is not there is waited for. */
  readonly connectMs?: number;
}

/** How much longer than its ladder, SIGKILL for ten seconds included, a helper may take to say that nothing is left. */
const HELPER_MS = 15_000;
/** How long what the helper has to say of a process that has ended is waited for: a command to a closed connection would lose it. */
const OVER_MS = 250;

/** Starts a process through the helper. Rejects with `start-failed` (phase `spawn`) or `busy`, and a hint. */
export async function spawnRemote(launch: Launch, options: RemoteSpawnOptions): Promise<LocalProcess> {
  const startedAt = options.clock.now();
  const { graces = DEFAULT_GRACES } = options;
  const streams = await spawnOver(launch, { ...options, graces });
  const started = new RemoteProcess(streams, startedAt, options);
  options.registry?.add(started);
  return started;
}

/** Its pid is as the workload's container counts: nothing in this one can be found by it. */
class RemoteProcess extends StdioProcess implements LocalProcess {
  readonly exited: Promise<ProcessExit>;
  readonly ended: Promise<void>;
  readonly #streams: SpawnedStreams;
  readonly #options: RemoteSpawnOptions;
  #stopping: Promise<void> | undefined;
  #mayRun = false;

  constructor(streams: SpawnedStreams, startedAt: number, options: RemoteSpawnOptions) {
    const { control, input, output, pid } = streams;
    super({ pid, startedAt }, { input, output, stderr: control.stderr }, options);
    this.#streams = streams;
    this.#options = options;
    this.exited = this.#exitAfter();
    this.ended = control.over.then((nothingLeft) => {
      this.#mayRun = !nothingLeft;
    });
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  get mayRun(): boolean {
    return this.#mayRun;
  }

  async stop(options: { readonly force?: boolean } = {}): Promise<ProcessExit> {
    this.#stopping ??= this.#stop();
    if (options.force) this.#streams.control.send('kill');
    await this.#stopping;
    return this.exit ?? { code: null, signal: null };
  }

  killNow(): void {
    const { control } = this.#streams;
    control.send('kill');
    control.end({ kind: 'lost' });
  }

  async #stop(): Promise<void> {
    const { control, input, output } = this.#streams;
    const { clock, graces = DEFAULT_GRACES } = this.#options;
    void this.channel.close();
    if (this.exit) await Promise.race([this.ended, pause(clock, OVER_MS)]);
    control.send('stop');
    const limit = clock.after(graces.eof + graces.term + HELPER_MS, () => control.end({ kind: 'lost' }));
    await this.ended;
    limit();
    for (const stream of [input, output]) stream.destroy();
  }

  async #exitAfter(): Promise<ProcessExit> {
    const told = await this.#streams.control.exited;
    if (!told) this.ring.note('[berth: the connection to berth-spawn was lost]', false);
    const exit = told ?? { code: null, signal: null };
    this.exit = exit;
    await this.lastWords();
    return exit;
  }
}
