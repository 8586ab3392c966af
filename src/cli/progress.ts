/** The line that shows how far a start has come: `◒ npm:name 1.2.3  resolve ✓  install ✓ 3.1 s  start ✓ 0.2 s`. */
import type { EventAnswer } from './client.ts';
import { clean, phaseWord } from './failure.ts';

const FRAMES = ['◒', '◐', '◓', '◑'];
const CLEAR = '\r\x1b[2K';

/** Milliseconds below which a time says nothing. */
const WORTH_SAYING = 50;

interface PhaseState {
  done: boolean;
  ms: number;
}

export class ProgressLine {
  readonly #target: string;
  readonly #write: ((text: string) => void) | undefined;
  readonly #live: boolean;
  readonly #phases = new Map<string, PhaseState>();
  #version = '';
  #frame = 0;
  #note = '';

  /** Without `write` it only keeps count; `live` rewrites one line, otherwise it is written once at the end. */
  constructor(
    target: string,
    { write, live }: { write: ((text: string) => void) | undefined; live: boolean },
  ) {
    this.#target = target;
    this.#write = write;
    this.#live = live;
  }

  add(event: EventAnswer): void {
    if (event.type === 'phase') this.#phase(event);
    else if (event.type === 'progress') this.#note = clean(event.text).slice(0, 60);
    if (this.#live)
      this.#write?.(
        `${CLEAR}${FRAMES[this.#frame++ % FRAMES.length]} ${this.text}${this.#note && `  ${this.#note}`}`,
      );
  }

  /** Writes the line for good. */
  end(): void {
    this.#write?.(`${this.#live ? CLEAR : ''}◒ ${this.text}\n`);
  }

  get text(): string {
    const phases = [...this.#phases].map(
      ([word, { done, ms }]) =>
        `${word} ${done ? '✓' : '…'}${done && ms >= WORTH_SAYING ? ` ${(ms / 1000).toFixed(1)} s` : ''}`,
    );
    return [`${this.#target}${this.#version}`, ...phases].join('  ');
  }

  #phase(event: EventAnswer & { type: 'phase' }): void {
    const word = phaseWord(event.phase);
    const state = this.#phases.get(word) ?? { done: false, ms: 0 };
    this.#phases.set(word, state);
    this.#note = '';
    if (event.state === 'started') return;
    // The start is over when its handshake is.
    state.done = event.phase !== 'spawn';
    state.ms += event.ms ?? 0;
    if (event.phase === 'resolve' && event.text !== undefined)
      this.#version = ` ${event.text.slice(event.text.lastIndexOf(' ') + 1)}`;
  }
}
