/** A gateway of its own, as a program, on a data folder that is removed with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPackages } from '../../src/packages/packages.ts';

const PROGRAM = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface CheckGateway {
  readonly url: string;
  /** For everything that a check needs on disk. */
  readonly folder: string;
  /** Removes installed packages; nothing may run from them any more. */
  clean(): Promise<void>;
  close(): Promise<void>;
}

/** Rejects when the gateway ends before it listens. */
export async function openGateway(): Promise<CheckGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-catalogue-'));
  const dataDir = join(folder, 'data');
  const child = spawn(process.execPath, [PROGRAM], {
    env: {
      ...process.env,
      BERTH_DATA_DIR: dataDir,
      BERTH_PORT: '0',
      BERTH_HOST: '127.0.0.1',
      BERTH_LOG_LEVEL: 'error',
      UV_CACHE_DIR: join(folder, 'uv-cache'),
      npm_config_cache: join(folder, 'npm-cache'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const packages = createPackages({ dataDir });
  const url = await listening(child);
  return {
    url,
    folder,
    async clean() {
      await packages.collect({ keep: new Set(), maxBytes: 0, maxAgeDays: 0 });
      await rm(join(folder, 'uv-cache'), { recursive: true, force: true });
      await rm(join(folder, 'npm-cache'), { recursive: true, force: true });
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listening({ stdout }: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of stdout ?? []) {
    text += String(chunk);
    const url = /^Berth listens on (\S+)/m.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the gateway did not start: ${text}`);
}
