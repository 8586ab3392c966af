/** What the processes of one server wrote to stderr, newest last, and who listens. */
import type { StderrLine } from '../servers/host.ts';

/** Lines kept for each server. */
const LINES = 1_000;

export class ServerLog {
  readonly #lines: StderrLine[] = [];
  readonly #listeners = new Set<(line: StderrLine) => void>();

  add(line: StderrLine): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }

  tail(lines: number): StderrLine[] {
    return lines > 0 ? this.#lines.slice(-lines) : [];
  }

  listen(listener: (line: StderrLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
