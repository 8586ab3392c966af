/** Starts a gateway that goes on when this program, and its terminal, are gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { BerthError, type ErrorCode, type ErrorDetails } from '../errors.ts';
import { lastLines, openLogFile } from './log-file.ts';

export interface LaunchInput {
  /** Path of the program that {@link report}s. */
  readonly program: string;
  /** Settings as flags. */
  readonly flags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

export interface Launched {
  readonly url: string;
  readonly pid: number;
  readonly logFile: string;
}

/** What the program tells the one that started it, once. */
export type Report =
  | { readonly url: string }
  | {
      readonly failure: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: ErrorDetails;
      };
    };

const LINES_SHOWN = 10;

/** Resolves once it serves. Rejects with what it failed with, with `start-failed` when it said nothing, or with the signal's reason. */
export async function launchInBackground(input: LaunchInput): Promise<Launched> {
  const { program, flags, logFile, signal } = input;
  signal?.throwIfAborted();
  const log = openLogFile(logFile);
  // npm's own marks would make it end with npm.
  const { npm_lifecycle_event: _event, ...env } = input.env;
  const child = spawn(process.execPath, [...process.execArgv, program, ...flags], {
    detached: true,
    env,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const report = await firstReport(child, signal);
  if (report === undefined) throw silent(child, logFile);
  if ('failure' in report) throw toError(report.failure);
  child.disconnect();
  child.unref();
  return { url: report.url, pid: child.pid ?? 0, logFile };
}

/** Undefined when it ended without one. */
function firstReport(child: ChildProcess, signal?: AbortSignal): Promise<Report | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      child.kill('SIGTERM');
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    const settle = (report?: Report): void => {
      signal?.removeEventListener('abort', abort);
      resolve(report);
    };
    child.once('message', (message) => settle(message as Report));
    child.once('error', reject);
    child.once('close', () => settle());
  });
}

function silent({ exitCode }: ChildProcess, logFile: string): BerthError {
  return new BerthError('start-failed', 'the gateway ended before it served', {
    ...(exitCode !== null && { exitCode }),
    stderr: lastLines(logFile, LINES_SHOWN),
    hint: `Read its log: ${logFile}.`,
  });
}

function toError({ code, message, details }: Extract<Report, { failure: unknown }>['failure']): BerthError {
  return new BerthError(code, message, details);
}

/** For the program that was started: tells how it went, and cuts the tie. */
export function report(what: Report): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send) return resolve();
    process.send(what, undefined, undefined, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}
