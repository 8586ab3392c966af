/** `berth registry`: the MCP registries that the gateway searches, and its mirrors of them. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { type ApiClient, type ProblemAnswer, toProblemError } from './client.ts';
import { type CliContext, createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface RegistryAnswer {
  readonly name: string;
  readonly url: string;
  readonly servers?: number;
  readonly ageSeconds?: number;
  readonly unfinishedPages?: number;
}

interface SyncAnswer {
  readonly kind: 'full' | 'changes';
  readonly resumed: boolean;
  readonly pages: number;
  readonly changed: number;
  readonly removed: number;
  readonly total: number;
}

type SyncLine =
  | { readonly type: 'page'; readonly pages: number; readonly servers: number }
  | { readonly type: 'waiting'; readonly seconds: number; readonly why: string }
  | ({ readonly type: 'done' } & SyncAnswer)
  | { readonly type: 'failed'; readonly problem: ProblemAnswer };

const CLEAR = '\r\x1b[2K';

export function addRegistryCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const registry = program.command('registry').description('MCP registries that the gateway searches');
  registry
    .command('ls')
    .description('list them, with what their mirrors hold')
    .action((_options: unknown, command: Command) => run(command, () => list(command, system)));
  registry
    .command('sync [name]')
    .description(
      'mirror one (all, unless it is named), so that it is searched without asking it; later times fetch what has changed, and what broke off goes on',
    )
    .option('--full', 'everything anew')
    .action((name: string | undefined, { full = false }: { readonly full?: boolean }, command: Command) =>
      run(command, () => sync({ name, full }, command, system)),
    );
}

const SHAPE: ListShape<RegistryAnswer> = {
  name: ({ name }) => name,
  columns: [
    { head: 'NAME', of: ({ name }) => name },
    { head: 'URL', of: ({ url }) => clean(url) },
    { head: 'SERVERS', of: ({ servers }) => (servers === undefined ? 'no mirror' : String(servers)) },
    { head: 'AGE', of: ({ ageSeconds }) => (ageSeconds === undefined ? '-' : ageText(ageSeconds)) },
    {
      head: 'UNFINISHED',
      of: ({ unfinishedPages: pages }) => (pages === undefined ? '-' : `${pages} pages`),
    },
  ],
};

async function list(command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  system.out(listText(await registriesOf(client), format, SHAPE));
  return EXIT.ok;
}

async function registriesOf(client: ApiClient): Promise<RegistryAnswer[]> {
  return (await client.json<{ registries: RegistryAnswer[] }>('/search/registries')).registries;
}

async function sync(
  { name, full }: { readonly name: string | undefined; readonly full: boolean },
  command: Command,
  system: CliSystem,
): Promise<number> {
  const context = await createContext(command, system);
  const names = name === undefined ? (await registriesOf(context.client)).map((one) => one.name) : [name];
  if (names.length === 0)
    throw new BerthError('bad-input', 'the gateway searches no MCP registry', {
      hint: 'Name its address in the setting search.registries, and start the gateway again.',
    });
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  try {
    const results: (SyncAnswer & { name: string })[] = [];
    for (const one of names) {
      const result = await syncOne({ name: one, full, signal: leaving.signal }, context, system);
      if (!result) return EXIT.interrupted;
      results.push({ name: one, ...result });
    }
    if (isData(context.format)) system.out(valueText({ registries: results }, context.format));
    else system.out(results.map(resultText).join(''));
    return EXIT.ok;
  } finally {
    cancel();
  }
}

interface SyncOne {
  readonly name: string;
  readonly full: boolean;
  readonly signal: AbortSignal;
}

/** Undefined when the person has left: what has come stays. */
async function syncOne(
  { name, full, signal }: SyncOne,
  { client }: CliContext,
  system: CliSystem,
): Promise<SyncAnswer | undefined> {
  const say = (text: string): void => {
    if (system.interactive) system.err(`${CLEAR}${text}`);
  };
  const path = `/search/registries/${encodeURIComponent(name)}/sync?full=${full}`;
  try {
    for await (const line of client.lines<SyncLine>(path, { method: 'POST', signal })) {
      if (line.type === 'failed') throw toProblemError(line.problem);
      if (line.type === 'page') say(`${name}: ${line.servers} servers on ${line.pages} pages`);
      else if (line.type === 'waiting') say(`${name}: ${clean(line.why)}; next try in ${line.seconds} s`);
      else return line;
    }
  } finally {
    say('');
  }
  if (signal.aborted) return undefined;
  throw new BerthError('unreachable', `the connection to ${client.url} broke`, {
    hint: 'Do it again: it goes on where it was.',
  });
}

function resultText({ name, kind, resumed, changed, removed, total }: SyncAnswer & { name: string }): string {
  const how = [kind === 'full' ? 'everything' : 'what has changed', ...(resumed ? ['gone on with'] : [])];
  return `${name}: ${total} servers (${how.join(', ')}: ${changed} new or changed, ${removed} gone)\n`;
}

function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
