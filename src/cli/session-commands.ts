/** `berth sessions` and `berth usage`: who is connected to a server, the way to end them, and how much it was used. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { SessionAnswer, UsageAnswer } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

const SESSIONS: ListShape<SessionAnswer> = {
  name: ({ id }) => id,
  columns: [
    { head: 'ID', of: ({ id }) => id },
    { head: 'KIND', of: ({ kind }) => kind },
    { head: 'STATE', of: ({ state }) => state },
    { head: 'WHO', of: ({ principal }) => principal ?? '-' },
    { head: 'TRANSPORT', of: ({ transport }) => transport ?? '-' },
    { head: 'PROTOCOL', of: ({ protocolVersion }) => clean(protocolVersion ?? '-') },
    { head: 'CALLS', of: ({ callsInFlight }) => String(callsInFlight) },
    { head: 'QUEUED', of: ({ queuedBytes }) => String(queuedBytes) },
    { head: 'BUFFERED', of: ({ bufferedBytes }) => String(bufferedBytes) },
    { head: 'LOST', of: ({ lostNotifications }) => String(lostNotifications) },
    { head: 'PID', of: ({ processes }) => processes.map(({ pid }) => pid).join(' ') || '-' },
    { head: 'LAST MESSAGE', of: ({ lastActivity }) => lastActivity },
  ],
};

type UsageDay = UsageAnswer['days'][number];

const USAGE: ListShape<UsageDay> = {
  name: ({ day }) => day,
  columns: [
    { head: 'DAY', of: ({ day }) => day },
    { head: 'SESSIONS', of: ({ sessions }) => String(sessions) },
    { head: 'CALLS', of: ({ calls }) => String(calls) },
    { head: 'FAILED', of: ({ failedCalls }) => String(failedCalls) },
    { head: 'BYTES TO SERVER', of: ({ bytesToServer }) => String(bytesToServer) },
    { head: 'BYTES FROM SERVER', of: ({ bytesFromServer }) => String(bytesFromServer) },
  ],
};

interface SessionOptions {
  readonly end?: string;
  readonly endAll?: boolean;
}

export function addSessionCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('sessions <server>')
    .description('list the sessions of a server, or end them')
    .option('--end <id>', 'end this one')
    .option('--end-all', 'end all of them')
    .action((name: string, options: SessionOptions, command: Command) =>
      run(command, () => sessions(name, options, { command, system })),
    );
  program
    .command('usage <server>')
    .description('show how much a server was used, by the day (UTC)')
    .option('--days <days>', 'so many days back', '30')
    .action((name: string, { days }: { readonly days: string }, command: Command) =>
      run(command, () => usage(name, days, { command, system })),
    );
}

interface Where {
  readonly command: Command;
  readonly system: CliSystem;
}

async function sessions(
  name: string,
  { end, endAll = false }: SessionOptions,
  { command, system }: Where,
): Promise<number> {
  if (end !== undefined && endAll) throw new BerthError('bad-input', 'either --end or --end-all');
  const { client, json, format } = await createContext(command, system);
  if (end !== undefined) await client.endSession(name, end);
  else if (endAll) {
    const ended = await client.endSessions(name);
    system.out(json ? `${JSON.stringify({ ended })}\n` : `${ended} ended\n`);
  } else {
    system.out(listText(await client.sessions(name), format, SESSIONS));
  }
  return EXIT.ok;
}

async function usage(name: string, days: string, { command, system }: Where): Promise<number> {
  if (!/^\d{1,4}$/.test(days)) throw new BerthError('bad-input', '--days must be a whole number');
  const { client, format } = await createContext(command, system);
  const answer = await client.usage(name, Number(days));
  const rows = format === 'name' ? answer.days : [...answer.days, { day: 'sum', ...answer.sum }];
  system.out(isData(format) ? valueText(answer, format) : listText(rows, format, USAGE));
  return EXIT.ok;
}
