/** `berth sessions` and `berth usage`: who is connected to a server, the way to end them, and how much it was used. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { SessionAnswer } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import type { CommandRunner } from './program.ts';
import { formatTable } from './table.ts';

const HEAD = [
  ...['ID', 'KIND', 'STATE', 'WHO', 'TRANSPORT', 'PROTOCOL', 'CALLS', 'QUEUED', 'BUFFERED', 'LOST', 'PID'],
  'LAST MESSAGE',
];

const USAGE_HEAD = ['DAY', 'SESSIONS', 'CALLS', 'FAILED', 'BYTES TO SERVER', 'BYTES FROM SERVER'];

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
  const { client, json } = await createContext(command, system);
  if (end !== undefined) await client.endSession(name, end);
  else if (endAll) {
    const ended = await client.endSessions(name);
    system.out(json ? `${JSON.stringify({ ended })}\n` : `${ended} ended\n`);
  } else {
    const all = await client.sessions(name);
    system.out(json ? `${JSON.stringify(all)}\n` : formatTable(HEAD, all.map(toRow)));
  }
  return EXIT.ok;
}

async function usage(name: string, days: string, { command, system }: Where): Promise<number> {
  if (!/^\d{1,4}$/.test(days)) throw new BerthError('bad-input', '--days must be a whole number');
  const { client, json } = await createContext(command, system);
  const answer = await client.usage(name, Number(days));
  const rows = [...answer.days, { day: 'sum', ...answer.sum }].map((row) => [
    row.day,
    ...[row.sessions, row.calls, row.failedCalls, row.bytesToServer, row.bytesFromServer].map(String),
  ]);
  system.out(json ? `${JSON.stringify(answer)}\n` : formatTable(USAGE_HEAD, rows));
  return EXIT.ok;
}

function toRow(session: SessionAnswer): string[] {
  return [
    session.id,
    session.kind,
    session.state,
    session.principal ?? '-',
    session.transport ?? '-',
    clean(session.protocolVersion ?? '-'),
    String(session.callsInFlight),
    String(session.queuedBytes),
    String(session.bufferedBytes),
    String(session.lostNotifications),
    session.processes.map(({ pid }) => pid).join(' ') || '-',
    session.lastActivity,
  ];
}
