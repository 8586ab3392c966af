/** A program of Berth in a process of its own, with the flags of its launchers: says on its first line that it is ready. */
import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
// @ts-expect-error: a plain module that any Node from 20 on can load has no types
import { NODE_FLAGS } from '../../bin/node-flags.mjs';

const START_MS = 20_000;
/** A supervisor ends its servers first. */
const STOP_MS = 20_000;

/** `close` ends the process and resolves when it has gone. */
export class Program {
  readonly pid: number;
  /** What its first line says. */
  readonly said: unknown;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, said: unknown) {
    this.pid = child.pid ?? 0;
    this.said = said;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', resolve));
  }

  /** Rejects when it ends, or says nothing in time. */
  static async start(file: string, args: readonly string[]): Promise<Program> {
    const child = spawn(process.execPath, [...NODE_FLAGS, file, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    clearTimeout(timer);
    if (first.done) throw new Error(`${basename(file)} did not start`);
    return new Program(child, JSON.parse(first.value));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.kill('SIGTERM');
    await this.#exited;
    clearTimeout(timer);
  }
}
