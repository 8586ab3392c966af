/** `berth logs`: what servers write, what the gateway writes, and both in one order. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient, LogEntryAnswer, LogLineAnswer, LogQuery } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import type { CommandRunner } from './program.ts';

interface LogOptions {
  readonly follow?: boolean;
  readonly tail: string;
  readonly all?: boolean;
  readonly gateway?: boolean;
  readonly level?: string;
  readonly clear?: boolean;
}

export function addLogCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('logs [name]')
    .description('show what a server writes to standard error, or the log of the gateway')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('--tail <lines>', 'how many of the newest lines', '100')
    .option('--all', 'with what the gateway and, in a cluster, Events say of the server')
    .option('--gateway', 'the log of the gateway itself; with a name only what is about that server')
    .option('--level <level>', 'of the gateway’s log only what is this severe: debug, info, warn, error')
    .option('--clear', 'forget the lines of the gateway’s log that are kept for this command')
    .action((name: string | undefined, options: LogOptions, command: Command) =>
      run(command, () => logs(name, options, { command, system })),
    );
}

async function logs(
  name: string | undefined,
  options: LogOptions,
  { command, system }: { readonly command: Command; readonly system: CliSystem },
): Promise<number> {
  const tail = check(name, options);
  const { client, json } = await createContext(command, system);
  if (options.clear) {
    await client.send('/logs', { method: 'DELETE' });
    return EXIT.ok;
  }
  const left = new AbortController();
  const cancel = system.onSignal(() => left.abort());
  const query = { tail, follow: options.follow ?? false, signal: left.signal };
  try {
    for await (const { value, text } of read(client, { name, options, query }))
      system.out(`${json ? JSON.stringify(value) : text}\n`);
  } finally {
    cancel();
  }
  return EXIT.ok;
}

/** Lines from the end. Throws `bad-input` for what does not go together. */
function check(name: string | undefined, { tail, all, gateway, level, clear }: LogOptions): number {
  if (!/^\d{1,9}$/.test(tail)) throw new BerthError('bad-input', '--tail must be a whole number');
  if (name === undefined && !gateway)
    throw new BerthError('bad-input', 'a server or --gateway is needed', {
      hint: 'Use berth logs <name> or berth logs --gateway.',
    });
  if (all && gateway) throw new BerthError('bad-input', 'either --all or --gateway');
  if ((level !== undefined || clear) && !gateway)
    throw new BerthError('bad-input', '--level and --clear are for the log of the gateway', {
      hint: 'Use them with --gateway.',
    });
  return Number(tail);
}

interface Shown {
  readonly value: unknown;
  readonly text: string;
}

interface Reading {
  readonly name: string | undefined;
  readonly options: LogOptions;
  readonly query: LogQuery;
}

async function* read(client: ApiClient, { name, options, query }: Reading): AsyncGenerator<Shown, void> {
  const { gateway, level, all } = options;
  if (gateway || name === undefined) {
    const filter = { ...(level !== undefined && { level }), ...(name !== undefined && { server: name }) };
    for await (const entry of client.gatewayLog({ ...query, ...filter }))
      yield { value: entry, text: entryText(entry) };
    return;
  }
  const also = all ? ['gateway', 'events'] : [];
  for await (const line of client.logs(name, { ...query, also }))
    yield { value: line, text: lineText(line, all) };
}

/** Beside others it must be seen who has written it, and when. */
function lineText({ at, text, source, level }: LogLineAnswer, merged = false): string {
  if (!merged) return clean(text);
  return `${timeText(at)} ${(level ?? source ?? 'server').padEnd(7)} ${clean(text)}`;
}

function entryText({ at, level, message, server, requestId, details = {} }: LogEntryAnswer): string {
  const fields = Object.entries({ server, requestId, ...details })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `${timeText(at)} ${level.padEnd(5)} ${clean(`${message}${fields.join('')}`)}`;
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
