/**
 * A supervisor as its own program: owns its servers' processes and sessions, and serves gateways on a unix socket.
 * Gateways come, go and are killed; sessions live on here.
 */
import { mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { createLinkServer } from '../link/link-server.ts';
import { listenUnixSocket } from '../link/unix-socket.ts';
import { createLocalHost } from '../runtimes/local-host.ts';
import { lockDataFolder } from './data-folder.ts';
import { readSupervisorConfig } from './definition-file.ts';
import { createProcessTable } from './process-table.ts';
import { sweepOrphans } from './sweep.ts';

export interface RunningSupervisor {
  /** Ends sessions, processes and connections. Idempotent; `force` begins with SIGKILL. */
  close(options?: { readonly force: boolean }): Promise<void>;
}

/** Serves the servers of the configuration at `config` on the unix socket `socket`. Rejects with what is wrong. */
export async function runSupervisor(options: {
  readonly socket: string;
  readonly config: string;
}): Promise<RunningSupervisor> {
  const { dataDir, servers } = await readSupervisorConfig(options.config);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const table = createProcessTable();
  const lock = await lockDataFolder(dataDir, table);
  const host = createLocalHost({ owner: lock.owner, table });
  const links = createLinkServer(host.supervisor);
  const end = async (force: boolean): Promise<void> => {
    await host.close({ force });
    await links.close();
    await lock.close();
  };
  try {
    await sweepOrphans(lock.owner.folder, { table, clock: systemClock });
    for (const server of servers) host.define(server);
    const listener = await listenUnixSocket(options.socket, (stream) => links.serve(stream));
    const killNow = (): void => host.killNow();
    process.once('exit', killNow);
    return {
      close: async ({ force } = { force: false }) => {
        listener.close();
        await end(force);
        process.off('exit', killNow);
      },
    };
  } catch (error) {
    await end(true);
    throw error;
  }
}

/** Runs until SIGTERM or SIGINT; a second signal hurries. */
async function main(): Promise<void> {
  const { socket, config } = readArguments();
  const running = await runSupervisor({ socket, config });
  let signals = 0;
  const stop = (): void => {
    signals++;
    void running.close({ force: signals > 1 }).then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, socket })}\n`);
}

function readArguments(): { readonly socket: string; readonly config: string } {
  const { values } = parseArgs({ options: { socket: { type: 'string' }, config: { type: 'string' } } });
  const { socket, config } = values;
  if (socket === undefined || config === undefined)
    throw new BerthError('bad-setting', 'usage: --socket PATH --config FILE');
  return { socket, config };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((thrown: unknown) => {
    const { message, hint, details } = toBerthError(thrown);
    process.stderr.write(`${JSON.stringify({ error: message, hint, fields: details.fields })}\n`);
    process.exit(1);
  });
}
