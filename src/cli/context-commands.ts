/** `berth context`: the gateways that this person works with. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { formatOf } from './context.ts';
import {
  checkContextName,
  contextOf,
  isGatewayUrl,
  type NamedGateway,
  readContexts,
  writeContexts,
} from './contexts.ts';
import { EXIT } from './failure.ts';
import { type ListShape, listText } from './output.ts';
import type { CommandRunner } from './program.ts';

export function addContextCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const context = program.command('context').description('the gateways that you work with, by name');
  context
    .command('ls')
    .description('list them; the current one has a star')
    .action((_options: unknown, command: Command) => run(command, () => list(command, system)));
  context
    .command('set <name>')
    .description('keep the gateway of --url and the path of --key-file under a name')
    .action((name: string, _options: unknown, command: Command) =>
      run(command, () => set(name, command, system)),
    );
  context
    .command('use <name>')
    .description('make it the gateway of every command without --url, --context or BERTH_URL')
    .action((name: string, _options: unknown, command: Command) => run(command, () => use(name, system)));
  context
    .command('rm <name>')
    .description('forget it')
    .action((name: string, _options: unknown, command: Command) => run(command, () => remove(name, system)));
}

interface Row extends NamedGateway {
  readonly name: string;
  readonly current: boolean;
}

const ROWS: ListShape<Row> = {
  name: ({ name }) => name,
  columns: [
    { head: '', of: ({ current }) => (current ? '*' : '') },
    { head: 'NAME', of: ({ name }) => name },
    { head: 'URL', of: ({ url }) => url },
    { head: 'KEY FILE', of: ({ keyFile }) => keyFile ?? '-' },
  ],
};

async function list(command: Command, system: CliSystem): Promise<number> {
  const { current, contexts } = await readContexts(system);
  const rows = Object.entries(contexts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, gateway]) => ({ name, current: name === current, ...gateway }));
  system.out(listText(rows, formatOf(command), ROWS));
  return EXIT.ok;
}

async function set(name: string, command: Command, system: CliSystem): Promise<number> {
  checkContextName(name);
  const { url, keyFile } = command.optsWithGlobals<{ url?: string; keyFile?: string }>();
  if (url === undefined || !isGatewayUrl(url))
    throw new BerthError('bad-input', 'the address of the gateway is needed', {
      hint: `For example: berth context set ${name} --url https://berth.example.com --key-file ~/.berth-key`,
    });
  const file = await readContexts(system);
  const gateway = { url, ...(keyFile !== undefined && { keyFile: resolve(system.cwd, keyFile) }) };
  await writeContexts({ ...file, contexts: { ...file.contexts, [name]: gateway } }, system);
  return EXIT.ok;
}

async function use(name: string, system: CliSystem): Promise<number> {
  const file = await readContexts(system);
  contextOf(file, name);
  await writeContexts({ ...file, current: name }, system);
  return EXIT.ok;
}

async function remove(name: string, system: CliSystem): Promise<number> {
  const file = await readContexts(system);
  contextOf(file, name);
  const { [name]: _gone, ...contexts } = file.contexts;
  const { current, ...rest } = file;
  await writeContexts(
    { ...rest, ...(current !== name && current !== undefined && { current }), contexts },
    system,
  );
  return EXIT.ok;
}
