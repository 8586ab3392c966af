/** What all server processes share, wherever they run: messages as a channel, stderr in a ring without secrets, how they ended. */
import type { Readable, Writable } from 'node:stream';
import type { Channel } from '../channels/channel.ts';
import { createStdioChannel } from '../channels/stdio.ts';
import type { Clock } from '../clock.ts';
import { pause } from './kill-set-ladder.ts';
import { NoiseLog } from './noise-log.ts';
import type { ProcessExit } from './server-process.ts';
import { readStderr } from './stderr-reader.ts';
import { type StderrLimits, StderrRing } from './stderr-ring.ts';
import { createScrubber, type Scrubber } from './stderr-scrub.ts';

export interface ProcessStreams {
  /** Standard input of the process. */
  readonly input: Writable;
  readonly output: Readable;
  readonly stderr: Readable;
}

export interface ProcessOptions {
  readonly clock: Clock;
  /** Values to be scrubbed from stderr. */
  readonly secrets: readonly string[];
  /** Bytes of one line from the server. */
  readonly maxLineBytes: number;
  readonly stderr?: StderrLimits;
}

interface Start {
  readonly pid: number;
  /** Clock reading at the spawn call, milliseconds. */
  readonly startedAt: number;
}

/** How long after its exit a process's last stderr bytes are waited for. */
const LAST_WORDS_MS = 250;

/** Subclasses say how it ends, and set `exit` when it has. */
export abstract class StdioProcess {
  readonly pid: number;
  readonly channel: Channel;
  readonly startedAt: number;
  readonly spawnMs: number;
  protected readonly ring: StderrRing;
  readonly #clock: Clock;
  readonly #scrubber: Scrubber;
  readonly #read: Promise<void>;
  #exit: ProcessExit | undefined;

  constructor({ pid, startedAt }: Start, { input, output, stderr }: ProcessStreams, options: ProcessOptions) {
    const { clock, secrets, maxLineBytes } = options;
    this.pid = pid;
    this.startedAt = startedAt;
    this.spawnMs = clock.now() - startedAt;
    this.#clock = clock;
    this.#scrubber = createScrubber(secrets);
    this.ring = new StderrRing({
      scrubber: this.#scrubber,
      clock,
      ...(options.stderr && { limits: options.stderr }),
    });
    const noise = new NoiseLog(clock, (text, cut) => this.ring.note(text, cut));
    this.channel = createStdioChannel(input, output, { maxLineBytes, onNoise: (line) => noise.line(line) });
    this.#read = readStderr(stderr, this.ring, clock);
  }

  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  protected set exit(exit: ProcessExit) {
    this.#exit = exit;
  }

  stderrTail(lines: number): string[] {
    return this.ring.tail(lines);
  }

  onStderr(line: (text: string) => void): () => void {
    return this.ring.subscribe(line);
  }

  scrub(text: string): string {
    return this.#scrubber.clean(text);
  }

  /** Resolves when everything that an ended process wrote to stderr is in the ring, or a moment later. */
  protected async lastWords(): Promise<void> {
    await Promise.race([this.#read, pause(this.#clock, LAST_WORDS_MS)]);
  }
}
