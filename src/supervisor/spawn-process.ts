/** Starts MCP servers in another container of the pod, through `berth-spawn`, which ends them by the same ladder. */
import type { Channel } from '../channels/channel.ts';
import { createStdioChannel } from '../channels/stdio.ts';
import { DEFAULT_GRACES, pause } from './kill-set-ladder.ts';
import type { Launch } from './launch.ts';
import { NoiseLog } from './noise-log.ts';
import type { LocalProcess, SpawnOptions } from './process.ts';
import type { ProcessExit } from './server-process.ts';
import { type SpawnedStreams, spawnOver } from './spawn-client.ts';
import { readStderr } from './stderr-reader.ts';
import { StderrRing } from './stderr-ring.ts';
import { createScrubber, type Scrubber } from './stderr-scrub.ts';

export interface RemoteSpawnOptions extends Omit<SpawnOptions, 'owner' | 'table'> {
  /** Path of the helper's socket. */
  readonly socket: string;
  /** Milliseconds for which a helper that is not there is waited for. */
  readonly connectMs?: number;
}

/** How long after its exit a process's last stderr bytes are waited for. */
const LAST_WORDS_MS = 250;
/** How much longer than its ladder, SIGKILL for ten seconds included, a helper may take to say that nothing is left. */
const HELPER_MS = 15_000;

/** Starts a process through the helper. Rejects with `start-failed` (phase `spawn`) or `busy`, and a hint. */
export async function spawnRemote(launch: Launch, options: RemoteSpawnOptions): Promise<LocalProcess> {
  const startedAt = options.clock.now();
  const { graces = DEFAULT_GRACES } = options;
  const streams = await spawnOver(launch, { ...options, graces });
  const started = new RemoteProcess(streams, startedAt, options);
  options.registry?.add(started);
  return started;
}

class RemoteProcess implements LocalProcess {
  /** As the workload's container counts: nothing in this one can be found by it. */
  readonly pid: number;
  readonly channel: Channel;
  readonly startedAt: number;
  readonly spawnMs: number;
  readonly exited: Promise<ProcessExit>;
  readonly ended: Promise<void>;
  readonly #streams: SpawnedStreams;
  readonly #options: RemoteSpawnOptions;
  readonly #scrubber: Scrubber;
  readonly #ring: StderrRing;
  #exit: ProcessExit | undefined;
  #stopping: Promise<void> | undefined;

  constructor(streams: SpawnedStreams, startedAt: number, options: RemoteSpawnOptions) {
    const { clock, stderr } = options;
    const { control, input, output, pid } = streams;
    this.pid = pid;
    this.#streams = streams;
    this.#options = options;
    this.startedAt = startedAt;
    this.spawnMs = clock.now() - startedAt;
    this.#scrubber = createScrubber(options.secrets);
    this.#ring = new StderrRing({ scrubber: this.#scrubber, clock, ...(stderr && { limits: stderr }) });
    const noise = new NoiseLog(clock, (text, cut) => this.#ring.note(text, cut));
    this.channel = createStdioChannel(input, output, {
      maxLineBytes: options.maxLineBytes,
      onNoise: (line) => noise.line(line),
    });
    this.exited = this.#exitAfter(readStderr(control.stderr, this.#ring, clock));
    this.ended = control.over;
  }

  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  stderrTail(lines: number): string[] {
    return this.#ring.tail(lines);
  }

  onStderr(line: (text: string) => void): () => void {
    return this.#ring.subscribe(line);
  }

  scrub(text: string): string {
    return this.#scrubber.clean(text);
  }

  async stop(options: { readonly force?: boolean } = {}): Promise<ProcessExit> {
    this.#stopping ??= this.#stop();
    if (options.force) this.#streams.control.send('kill');
    await this.#stopping;
    return this.#exit ?? { code: null, signal: null };
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
    control.send('stop');
    const limit = clock.after(graces.eof + graces.term + HELPER_MS, () => control.end({ kind: 'lost' }));
    await this.ended;
    limit();
    for (const stream of [input, output]) stream.destroy();
  }

  async #exitAfter(lastWords: Promise<void>): Promise<ProcessExit> {
    const exit = await this.#streams.control.exited;
    if (!exit) this.#ring.note('[berth: the connection to berth-spawn was lost]', false);
    this.#exit = exit ?? { code: null, signal: null };
    await Promise.race([lastWords, pause(this.#options.clock, LAST_WORDS_MS)]);
    return this.#exit;
  }
}
