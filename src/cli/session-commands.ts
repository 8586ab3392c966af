/** `berth sessions`: who is connected to a server, and the way to end them. */
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
}

async function sessions(
  name: string,
  { end, endAll = false }: SessionOptions,
  { command, system }: { readonly command: Command; readonly system: CliSystem },
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
