/** `berth health`: whether a server still shakes hands, and how that was before. */
import type { Command } from 'commander';
import type { CliSystem } from './cli-system.ts';
import type { FailureAnswer } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface HealthAnswer {
  readonly state: string;
  readonly health: string;
  readonly message: string;
  readonly hint?: string;
  readonly failure?: FailureAnswer;
  readonly lastCheck?: { readonly at: string; readonly ms: number };
}

interface CheckAnswer {
  readonly at: string;
  readonly ms: number;
  readonly health: string;
  readonly failures: number;
  readonly failure?: FailureAnswer;
}

const CHECKS: ListShape<CheckAnswer> = {
  name: ({ at }) => at,
  columns: [
    { head: 'AT', of: ({ at }) => at },
    { head: 'HEALTH', of: ({ health }) => health },
    { head: 'MS', of: ({ ms }) => String(ms) },
    { head: 'FAILED IN A ROW', of: ({ failures }) => String(failures) },
    { head: 'WHY', of: ({ failure }) => (failure ? clean(failure.message) : '-') },
  ],
};

interface Where {
  readonly command: Command;
  readonly system: CliSystem;
}

export function addHealthCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('health <name>')
    .description('check whether a server still shakes hands')
    .option('--history', 'how the checks before came out, newest first; nothing is checked')
    .action((name: string, { history = false }: { readonly history?: boolean }, command: Command) =>
      run(command, () => (history ? showHistory : check)(name, { command, system })),
    );
}

/** A server that is unhealthy is a failed command, so that a script can tell. */
async function check(name: string, { command, system }: Where): Promise<number> {
  const { client, format } = await createContext(command, system);
  const answer = await client.json<HealthAnswer>(`/servers/${encodeURIComponent(name)}/health`);
  const { health, message, hint, lastCheck, failure } = answer;
  const time = lastCheck ? `, ${lastCheck.ms} ms, ${lastCheck.at}` : '';
  const text = `${health}${time}: ${clean(failure?.message ?? message)}\n${hint === undefined ? '' : `  hint    ${clean(hint)}\n`}`;
  system.out(isData(format) ? valueText(answer, format) : text);
  return health === 'unhealthy' ? EXIT.serverFailed : EXIT.ok;
}

async function showHistory(name: string, { command, system }: Where): Promise<number> {
  const { client, format } = await createContext(command, system);
  const checks = await client.pages<CheckAnswer>(`/servers/${encodeURIComponent(name)}/checks`, 'checks');
  system.out(listText(checks, format, CHECKS));
  return EXIT.ok;
}
