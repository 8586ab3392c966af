/** Starts load processes and talks to them; every wait has a deadline. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type {
  CallsJob,
  CallsResult,
  CrowdJob,
  IdleJob,
  Job,
  OpenJob,
  OpenResult,
  RolloutJob,
  UnreadJob,
} from './job.ts';

const LOAD_PROGRAM = fileURLToPath(new URL('load.ts', import.meta.url));

/** A load process; `close` ends it and resolves when it has gone. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<void>;
  #stderr = '';

  constructor(job: Job) {
    const child = spawn(process.execPath, [LOAD_PROGRAM, JSON.stringify(job)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  /** The next JSON line; rejects at the deadline or when the process has ended. */
  async next<T>(ms: number): Promise<T> {
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(new Error(`no result within ${ms} ms`)), ms);
    try {
      const line = await Promise.race([this.#lines.next(), timeout.promise]);
      if (line.done === true) throw new Error(this.#stderr.trim() || 'load process ended without a result');
      return JSON.parse(line.value) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  /** It is to end what it does; a job that has something to say then does so. */
  finish(): void {
    this.#child.stdin?.end();
  }

  /** `ms`: how long it may take to end its sessions. */
  async close(ms = 5000): Promise<void> {
    this.finish();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ms);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Runs a job that gives one result. */
export async function runJob(job: CallsJob, deadlineMs: number): Promise<CallsResult>;
export async function runJob(job: OpenJob, deadlineMs: number): Promise<OpenResult>;
export async function runJob(job: CallsJob | OpenJob, deadlineMs: number): Promise<CallsResult | OpenResult> {
  const load = new LoadProcess(job);
  try {
    return await load.next<CallsResult | OpenResult>(deadlineMs);
  } finally {
    await load.close();
  }
}

/** Starts a job that reports and then holds its sessions until it is closed. */
export function holdJob(job: IdleJob | UnreadJob | CrowdJob | RolloutJob): LoadProcess {
  return new LoadProcess(job);
}
