/** A gateway in the background: `berth up --detach` starts this file as a program, and `berth down` ends it. */
import { pathToFileURL } from 'node:url';
import { systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { parseFlags } from '../settings/flags.ts';
import { loadSettings } from '../settings/load.ts';
import { findHolder } from '../supervisor/folder-holder.ts';
import { findGroups } from '../supervisor/limits/find-groups.ts';
import { thisMachine } from '../supervisor/limits/group-system.ts';
import { createProcessTable } from '../supervisor/process-table.ts';
import type { Lack, Resource } from '../supervisor/resource-limits.ts';
import { type Ended, endGateway } from './end.ts';
import { type Launched, launchInBackground, report } from './launch.ts';
import { keepLogShort, logFileOf } from './log-file.ts';

/** Milliseconds that a gateway gets beside its own `limits.stopTimeout` before it is killed. */
const MARGIN = 5_000;

/** What runs on this machine in the data folder of the settings. */
export interface LocalGateway {
  readonly state: 'none' | 'stale' | 'starting' | 'serving';
  readonly pid?: number;
  readonly url?: string;
  /** Where programs of this machine reach it. */
  readonly localUrl?: string;
  readonly version?: string;
  /** ISO 8601. */
  readonly since?: string;
  readonly dataDir: string;
  readonly logFile: string;
}

/** Whether a gateway can limit one resource of its servers, and what it lacks where it cannot. */
export interface ResourceCheck {
  readonly resource: Resource;
  readonly lack?: Lack;
}

/** Changes nothing. Without `pid` for a gateway that this program would start. */
export async function checkLimits(pid = process.pid): Promise<ResourceCheck[]> {
  const { lack } = await findGroups(pid, thisMachine);
  return (['memory', 'cpu'] as const).map((resource) => {
    const found = lack(resource);
    return { resource, ...(found && { lack: found }) };
  });
}

/** Rejects with `bad-setting`. */
export async function findLocalGateway(flags: readonly string[] = []): Promise<LocalGateway> {
  const { dataDir } = settingsOf(flags);
  const shared = { dataDir, logFile: logFileOf(dataDir) };
  const holder = await findHolder(dataDir, createProcessTable());
  if (holder.state === 'none') return { state: 'none', ...shared };
  if (holder.state === 'stale') return { state: 'stale', pid: holder.pid, ...shared };
  const { identity, announced } = holder;
  return { state: announced ? 'serving' : 'starting', pid: identity.pid, ...announced, ...shared };
}

/** Rejects with `conflict` while one runs, and with what the new one fails with. */
export async function launchLocalGateway(flags: readonly string[], signal?: AbortSignal): Promise<Launched> {
  const { state, pid, url, logFile } = await findLocalGateway(flags);
  if (state === 'serving' || state === 'starting')
    throw new BerthError('conflict', `a gateway (pid ${pid}) runs already${url ? `: ${url}` : ''}`, {
      hint: 'Use it, or end it with: berth down.',
    });
  const program = import.meta.filename;
  return await launchInBackground({ program, flags, env: process.env, logFile, ...(signal && { signal }) });
}

/** See {@link endGateway}; `force` takes no time. */
export async function endLocalGateway({ force }: { readonly force: boolean }): Promise<Ended> {
  const { dataDir, limits } = settingsOf([]);
  const graceMs = force ? 0 : limits.stopTimeout + MARGIN;
  return await endGateway({ dataDir, table: createProcessTable(), graceMs });
}

function settingsOf(flags: readonly string[]) {
  return loadSettings({ flags: parseFlags(flags), env: process.env });
}

async function main(): Promise<void> {
  const flags = process.argv.slice(2);
  // A terminal that closes is nothing to a program in the background.
  process.on('SIGHUP', () => undefined);
  try {
    const { runGateway, stopOnSignals } = await import('../main.ts');
    const gateway = await runGateway(flags);
    keepLogShort(logFileOf(settingsOf(flags).dataDir), systemClock);
    stopOnSignals(gateway, ['SIGINT', 'SIGTERM']);
    await report({ url: gateway.url });
  } catch (thrown) {
    const error = toBerthError(thrown);
    const { cause, ...details } = error.details;
    console.error(`Berth did not start: ${error.message}`);
    if (cause instanceof Error) console.error(cause.stack);
    await report({ failure: { code: error.code, message: error.message, details } });
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
