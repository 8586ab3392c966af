/** berth-trees: keeps the archives of installed packages for the pods of a cluster. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { createLog, type Log } from '../log/log.ts';
import { onStopSignal } from '../stop-signals.ts';
import { ArchiveStore } from './archive-store.ts';
import { collect } from './collect.ts';
import { handleTrees } from './service.ts';

export interface TreesOptions {
  readonly folder: string;
  /** File with the key of the tokens. */
  readonly keyFile: string;
  readonly host?: string;
  readonly port?: number;
  readonly maxBytes?: number;
  readonly maxUploadBytes?: number;
  readonly maxAgeDays?: number;
  readonly log: Log;
}

export interface RunningTrees {
  readonly port: number;
  /** Waits for what is under way. Idempotent. */
  close(): Promise<void>;
}

const PORT = 8_080;
const GIB = 1024 ** 3;
const DAY_MS = 24 * 3_600_000;
const COLLECT_EVERY = 3_600_000;
const SHORTEST_KEY = 32;

/** Serves the archives of `folder`. Rejects when that or the address cannot be used. */
export async function runTrees(options: TreesOptions): Promise<RunningTrees> {
  const { folder, log, maxBytes = 10 * GIB, maxUploadBytes = 2 * GIB, maxAgeDays = 30 } = options;
  const store = new ArchiveStore(folder);
  await store.open();
  const key = (): Promise<Buffer> => readKey(options.keyFile);
  const server = createServer((request, response) => {
    void handleTrees(request, response, { store, key, maxUploadBytes, log });
  });
  server.listen(options.port ?? PORT, options.host ?? '0.0.0.0');
  await once(server, 'listening');
  const sweep = (): void => {
    const policy = { maxBytes, maxAgeMs: maxAgeDays * DAY_MS, now: Date.now() };
    collect(store, policy).then(
      (removed) => removed.length > 0 && log.info({ removed }, 'removed unused trees'),
      (error: unknown) => log.error({ err: error }, 'unused trees could not be removed'),
    );
  };
  const stop = systemClock.every(COLLECT_EVERY, sweep);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      stop();
      if (!server.listening) return;
      server.close();
      server.closeIdleConnections();
      await once(server, 'close');
    },
  };
}

async function readKey(file: string): Promise<Buffer> {
  const key = await readFile(file).catch((cause: unknown) => {
    throw new BerthError('bad-setting', `${file} cannot be read: there is no key for tokens yet`, { cause });
  });
  if (key.length < SHORTEST_KEY) throw new BerthError('bad-setting', `${file} is too short for a key`);
  return key;
}

function numberOf(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new BerthError('bad-setting', `${name} must be a number`);
}

function optionsOfEnv(): Omit<TreesOptions, 'log'> {
  const numbers = {
    port: numberOf('BERTH_TREES_PORT'),
    maxBytes: numberOf('BERTH_TREES_MAX_BYTES'),
    maxUploadBytes: numberOf('BERTH_TREES_MAX_UPLOAD_BYTES'),
    maxAgeDays: numberOf('BERTH_TREES_MAX_AGE_DAYS'),
  };
  return {
    folder: process.env.BERTH_TREES_FOLDER ?? '/var/lib/berth/trees',
    keyFile: process.env.BERTH_TREES_KEY_FILE ?? '/etc/berth/trees-key/key',
    ...(Object.fromEntries(
      Object.entries(numbers).filter(([, value]) => value !== undefined),
    ) as Partial<TreesOptions>),
  };
}

async function main(): Promise<void> {
  const log = createLog({ level: 'info' });
  const running = await runTrees({ ...optionsOfEnv(), log });
  log.info({ port: running.port }, 'berth-trees is up');
  const stop = (): void => void running.close().then(() => process.exit(0));
  onStopSignal(['SIGTERM', 'SIGINT'], stop);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((thrown: unknown) => {
    const { message, hint } = toBerthError(thrown);
    process.stderr.write(`${JSON.stringify({ error: message, hint })}\n`);
    process.exit(1);
  });
}
