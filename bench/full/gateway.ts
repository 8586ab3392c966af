/** Berth's gateway as a process of its own, so that what is measured is its memory and nobody else's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
// @ts-expect-error: a plain module that any Node from 20 on can load has no types
import { NODE_FLAGS } from '../../bin/node-flags.mjs';
import type { TestServer } from '../../test/support/gateway.ts';
import { descendants, residentKib } from '../proc.ts';

const PROGRAM = fileURLToPath(new URL('gateway-program.ts', import.meta.url));
const START_MS = 20_000;
const STOP_MS = 20_000;

export class GatewayProcess {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, port: number) {
    this.port = port;
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', resolve));
  }

  static async start(
    servers: readonly TestServer[],
    keys: Readonly<Record<string, string>> = {},
  ): Promise<GatewayProcess> {
    const wanted = JSON.stringify({ servers, keys });
    const child = spawn(process.execPath, [...NODE_FLAGS, PROGRAM, wanted], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    clearTimeout(timer);
    if (first.done) throw new Error('the gateway did not start');
    return new GatewayProcess(child, (JSON.parse(first.value) as { port: number }).port);
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.port}/servers/${name}`;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resident memory of the gateway alone, MiB. */
  get residentMib(): number {
    return (residentKib(this.pid) ?? 0) / 1024;
  }

  /** Processes that the gateway has at this moment. */
  get processes(): number {
    return descendants(this.pid).length;
  }

  /** Ends it with its processes. Idempotent. */
  async close(): Promise<void> {
    if (!this.alive) return;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.stdin?.end();
    await this.#exited;
    clearTimeout(timer);
  }
}
