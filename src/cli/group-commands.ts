/** `berth group`: chosen servers behind one URL. */
import type { Command } from 'commander';
import { parse } from 'yaml';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import { collectPairs } from './pairs.ts';
import type { CommandRunner } from './program.ts';

interface GroupAnswer {
  readonly name: string;
  readonly title?: string;
  readonly servers: readonly {
    readonly server: string;
    readonly prefix: string;
    readonly tools?: readonly string[];
    readonly state: string;
  }[];
  readonly url: string;
}

interface ToolsAnswer {
  readonly tools: readonly { readonly name: string; readonly description?: string }[];
  readonly silent: readonly { readonly server: string; readonly detail: string }[];
}

interface CreateOptions {
  readonly prefix: Readonly<Record<string, string>>;
  readonly tools: Readonly<Record<string, string>>;
  readonly title?: string;
  readonly file?: string;
  readonly replace?: boolean;
}

const GROUPS: ListShape<GroupAnswer> = {
  columns: [
    { head: 'NAME', of: ({ name }) => name },
    { head: 'SERVERS', of: ({ servers }) => servers.map(({ server }) => server).join(', ') },
    { head: 'URL', of: ({ url }) => url },
    { head: 'TITLE', of: ({ title }) => clean(title ?? ''), wide: true },
  ],
  name: ({ name }) => name,
};

const MEMBERS: ListShape<GroupAnswer['servers'][number]> = {
  columns: [
    { head: 'SERVER', of: ({ server }) => server },
    { head: 'STATE', of: ({ state }) => state },
    { head: 'PREFIX', of: ({ prefix }) => prefix || '(none)' },
    { head: 'TOOLS', of: ({ tools }) => (tools ? tools.join(', ') || 'none' : 'all') },
  ],
  name: ({ server }) => server,
};

const TOOLS: ListShape<ToolsAnswer['tools'][number]> = {
  columns: [
    { head: 'TOOL', of: ({ name }) => clean(name) },
    {
      head: 'DESCRIPTION',
      of: ({ description = '' }) => clean(description.split('\n')[0] ?? '').slice(0, 80),
    },
  ],
  name: ({ name }) => name,
};

export function addGroupCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const group = program.command('group').description('chosen servers behind one URL');
  addCreate(group, system, run);
  group
    .command('ls')
    .alias('list')
    .description('list groups')
    .action((_options: unknown, command: Command) =>
      run(command, async () => {
        const { client, format } = await createContext(command, system);
        system.out(listText(await client.pages<GroupAnswer>('/groups', 'groups'), format, GROUPS));
        return EXIT.ok;
      }),
    );
  group
    .command('get <name>')
    .description('show a group: its servers with their states, prefixes and tools')
    .action((name: string, _options: unknown, command: Command) =>
      run(command, async () => {
        const { client, format } = await createContext(command, system);
        const found = await client.json<GroupAnswer>(pathOf(name));
        if (isData(format)) system.out(valueText(found, format));
        else
          system.out(
            `${format === 'name' ? '' : `${found.url}\n\n`}${listText(found.servers, format, MEMBERS)}`,
          );
        return EXIT.ok;
      }),
    );
  group
    .command('tools <name>')
    .description('the tools of a group, under the names that its clients see')
    .action((name: string, _options: unknown, command: Command) =>
      run(command, async () => {
        const { client, format } = await createContext(command, system);
        const answer = await client.json<ToolsAnswer>(`${pathOf(name)}/tools`);
        system.out(isData(format) ? valueText(answer, format) : listText(answer.tools, format, TOOLS));
        if (!isData(format))
          for (const { server, detail } of answer.silent) system.err(`! ${server}: ${clean(detail)}\n`);
        return EXIT.ok;
      }),
    );
  group
    .command('rm <name>')
    .description('remove a group; its servers stay')
    .action((name: string, _options: unknown, command: Command) =>
      run(command, async () => {
        const { client } = await createContext(command, system);
        await client.send(pathOf(name), { method: 'DELETE' });
        return EXIT.ok;
      }),
    );
}

function addCreate(group: Command, system: CliSystem, run: CommandRunner): void {
  group
    .command('create [name] [servers...]')
    .description('put servers together behind one URL')
    .option(
      '--prefix <server=prefix>',
      'before the names of its tools (repeatable)',
      collectPairs('prefix'),
      {},
    )
    .option(
      '--tools <server=names>',
      'only these of its tools, with commas between them and * for any characters (repeatable)',
      collectPairs('tools'),
      {},
    )
    .option('--title <text>', 'what people call it')
    .option('-f, --file <file>', 'read the group from a YAML or JSON file (- for standard input)')
    .option('--replace', 'take the place of the group of that name')
    .action((name: string | undefined, servers: string[], options: CreateOptions, command: Command) =>
      run(command, async () => {
        const { client, format } = await createContext(command, system);
        const body =
          options.file === undefined ? toBody(name, servers, options) : await readBody(options.file, system);
        const made = await send(client, body, options.replace ?? false);
        if (isData(format)) system.out(valueText(made, format));
        else if (format === 'name') system.out(`${made.name}\n`);
        else
          system.out(
            `${made.name} has ${made.servers.length === 1 ? '1 server' : `${made.servers.length} servers`}\n  ${made.url}\n`,
          );
        return EXIT.ok;
      }),
    );
}

async function send(client: ApiClient, body: unknown, replace: boolean): Promise<GroupAnswer> {
  const name = (body as { name?: unknown } | null)?.name;
  if (replace && typeof name === 'string') return await client.json(pathOf(name), { method: 'PUT', body });
  return await client.json('/groups', { method: 'POST', body });
}

function toBody(
  name: string | undefined,
  servers: readonly string[],
  { prefix, tools, title }: CreateOptions,
) {
  if (name === undefined || servers.length === 0)
    throw new BerthError('bad-input', 'a group needs a name and at least one server', {
      hint: 'For example: berth group create work time everything. Servers are listed by berth ls.',
    });
  const stranger = [...Object.keys(prefix), ...Object.keys(tools)].find((one) => !servers.includes(one));
  if (stranger !== undefined)
    throw new BerthError('bad-input', `${stranger} is none of the servers of the group`, {
      hint: 'Name it among the servers, too.',
    });
  const members = servers.map((server) => ({
    server,
    ...(Object.hasOwn(prefix, server) && { prefix: prefix[server] }),
    ...(Object.hasOwn(tools, server) && {
      tools: (tools[server] ?? '').split(',').filter((one) => one !== ''),
    }),
  }));
  return { name, ...(title !== undefined && { title }), servers: members };
}

async function readBody(file: string, system: CliSystem): Promise<unknown> {
  const text = await (file === '-' ? system.readInput() : system.readFile(file)).catch((cause: unknown) => {
    throw new BerthError('bad-input', `the file ${file} cannot be read`, { cause, hint: 'Check its name.' });
  });
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new BerthError('bad-input', `the file ${file} is neither YAML nor JSON`, {
      cause,
      hint: 'Correct the file.',
    });
  }
}

function pathOf(name: string): string {
  return `/groups/${encodeURIComponent(name)}`;
}
