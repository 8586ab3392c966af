/** `berth key`: the API keys of the gateway on this machine. */
import { type Command, Option } from 'commander';
import type { KeyInfo, KeyStore } from '../auth/keys.ts';
import { SCOPES, type Scope } from '../auth/principal.ts';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { formatOf, wantsJson } from './context.ts';
import { EXIT } from './failure.ts';
import { type ListShape, listText } from './output.ts';
import type { CommandRunner } from './program.ts';

/** What the commands need of the key store. */
export type KeyCommands = Pick<KeyStore, 'add' | 'list' | 'remove'>;

export function addKeyCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const key = program.command('key').description('API keys of the gateway on this machine');
  key
    .command('add <name>')
    .description('make a key for a person or an agent; it is shown this once')
    .addOption(
      new Option('--scope <scope>', 'what it may do: use servers, or manage them as well')
        .choices(SCOPES)
        .default('manage'),
    )
    .action((name: string, { scope }: { readonly scope: Scope }, command: Command) =>
      run(command, () => add({ name, scope }, command, system)),
    );
  key
    .command('ls')
    .description('list keys')
    .action((_options: unknown, command: Command) => run(command, () => list(command, system)));
  key
    .command('rm <name>')
    .description('withdraw a key')
    .action((name: string, _options: unknown, command: Command) => run(command, () => remove(name, system)));
}

async function add(
  { name, scope }: { readonly name: string; readonly scope: Scope },
  command: Command,
  system: CliSystem,
): Promise<number> {
  const key = (await system.openKeys()).add(name, scope);
  if (wantsJson(command)) system.out(`${JSON.stringify({ name, key })}\n`);
  else {
    system.out(`${key}\n`);
    system.err(
      'The key is for the gateway on this machine, and is not shown again. Send it as "Authorization: Bearer …"; berth reads it from BERTH_KEY or --key-file.\n',
    );
  }
  return EXIT.ok;
}

const KEYS: ListShape<KeyInfo> = {
  name: ({ name }) => name,
  columns: [
    { head: 'NAME', of: ({ name }) => name },
    { head: 'SCOPE', of: ({ scope }) => scope },
    { head: 'FROM', of: ({ source }) => source },
    { head: 'CREATED', of: ({ createdAt }) => createdAt ?? '-' },
  ],
};

async function list(command: Command, system: CliSystem): Promise<number> {
  const keys = [...(await system.openKeys()).list()].sort((a, b) => (a.name < b.name ? -1 : 1));
  system.out(listText(keys, formatOf(command), KEYS));
  return EXIT.ok;
}

async function remove(name: string, system: CliSystem): Promise<number> {
  if ((await system.openKeys()).remove(name)) return EXIT.ok;
  throw new BerthError('not-found', `there is no key ${JSON.stringify(name)}`, {
    hint: 'List the keys with: berth key ls.',
  });
}
