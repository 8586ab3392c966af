/** `berth connect`: what a client must be told of servers, printed or written into its file. */
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { ClientDefinition, Edit, Scope, ServerTarget } from '../clients/client.ts';
import { applyToFile, clientEdits, snippet } from '../clients/configure.ts';
import { editFile, serverEdit } from '../clients/edit-file.ts';
import { CLIENTS, findClient } from '../clients/table.ts';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient, ServerAnswer } from './client.ts';
import { createContext, formatOf, keyFileOf, readKey } from './context.ts';
import { EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface ConnectOptions {
  readonly write?: boolean;
  readonly remove?: boolean;
  readonly replace?: boolean;
  readonly program?: boolean;
  readonly scope?: Scope;
  readonly file?: string;
  readonly as?: string;
  readonly keyEnv?: string;
  readonly group?: boolean;
}

const KEY_VARIABLE = 'BERTH_KEY';

export function addConnectCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('connect [client] [servers...]')
    .description(
      'print what a client must be told of servers (all, unless some are named), or write it into its file; without a client list them',
    )
    .option('--write', 'into the file of the client, with a copy of what it held')
    .option('--remove', 'take the servers out of the file of the client')
    .option('--replace', 'entries of the same name that say something else')
    .addOption(new Option('--scope <scope>', 'whose file').choices(['user', 'project']))
    .option('--file <path>', 'another file of the same format')
    .option('--as <name>', 'name of the one server in the client')
    .option('--group', 'the names are those of groups')
    .option('--program', 'let the client start berth stdio instead of calling the URL')
    .option('--key-env <variable>', 'where the client finds the key, when the gateway wants one (BERTH_KEY)')
    .action((client: string | undefined, servers: string[], options: ConnectOptions, command: Command) =>
      run(command, () =>
        client === undefined ? list(command, system) : connect({ client, servers, options, command, system }),
      ),
    );
}

interface ConnectInput {
  readonly client: string;
  readonly servers: readonly string[];
  readonly options: ConnectOptions;
  readonly command: Command;
  readonly system: CliSystem;
}

async function connect({ client: id, servers, options, command, system }: ConnectInput): Promise<number> {
  const client = clientOf(id);
  const file =
    options.file === undefined ? fileOf(client, options.scope, system) : resolve(system.cwd, options.file);
  if (options.remove) return await remove(servers, { client, file, system });
  const targets = await targetsOf(servers, { options, command, system });
  const keyFile = await keyFileOf(command, system);
  const gateway = (await createContext(command, system)).client.url;
  const edits = clientEdits({
    client,
    targets,
    asProgram: options.program ?? false,
    relay: (url) => relayOf(url, { needsKey: targets.some(wantsKey), keyFile, gateway, system }),
  });
  if (options.write)
    return await write({ client, file, system }, (text) =>
      applyToFile(text, edits, { client, replace: options.replace ?? false }),
    );
  print(edits, { client, file, system }, command);
  return EXIT.ok;
}

interface Target {
  readonly client: ClientDefinition;
  readonly file: string;
  readonly system: CliSystem;
}

function print(edits: readonly Edit[], { client, file, system }: Target, command: Command): void {
  const format = formatOf(command);
  const text = snippet(edits, client);
  if (isData(format)) return system.out(valueText({ client: client.id, file, text }, format));
  system.out(text.endsWith('\n') ? text : `${text}\n`);
  system.err(`\nFor ${client.title}: belongs into ${file}. With --write Berth puts it there.\n`);
}

async function write({ client, file, system }: Target, edit: (text: string) => string): Promise<number> {
  const before = await readFile(file, system);
  const after = edit(before ?? '');
  if (after === before) {
    system.err(`${file} has it already\n`);
    return EXIT.ok;
  }
  const backup = await system.replaceFile(file, after).catch((cause: NodeJS.ErrnoException) => {
    throw new BerthError('bad-input', `${file} cannot be written (${cause.code ?? 'unknown'})`, { cause });
  });
  system.err(`${file} is written${backup === undefined ? '' : `; before, it was ${backup}`}\n`);
  if (client.after !== undefined) system.err(`${client.after}\n`);
  return EXIT.ok;
}

async function remove(names: readonly string[], target: Target): Promise<number> {
  const { client, file, system } = target;
  if (names.length === 0) throw new BerthError('bad-input', 'name the servers that are to be taken out');
  if ((await readFile(file, system)) === undefined)
    throw new BerthError('not-found', `${client.title} has no file ${file}`, {
      hint: 'Give its file with --file.',
    });
  return await write(target, (text) =>
    names.reduce((left, name) => editFile(left, serverEdit(name, undefined, client), client), text),
  );
}

async function readFile(file: string, system: CliSystem): Promise<string | undefined> {
  return await system.readIfThere(file).catch((cause: NodeJS.ErrnoException) => {
    throw new BerthError('bad-input', `${file} cannot be read (${cause.code ?? 'unknown'})`, { cause });
  });
}

async function targetsOf(
  names: readonly string[],
  { options, command, system }: Pick<ConnectInput, 'options' | 'command' | 'system'>,
): Promise<ServerTarget[]> {
  const { client } = await createContext(command, system);
  const found = options.group ? await groupsOf(client, names) : await serversOf(client, names);
  if (found.length === 0)
    throw new BerthError('not-found', `there is no ${options.group ? 'group' : 'server'} yet`, {
      hint: options.group
        ? 'Make one with: berth group create work time git.'
        : 'Run one with: berth run everything.',
    });
  if (options.as !== undefined && found.length !== 1)
    throw new BerthError('bad-input', '--as names one server', { hint: 'Name that server, too.' });
  const keyVariable =
    options.keyEnv ?? ((await readKey(command, system)) === undefined ? undefined : KEY_VARIABLE);
  if (keyVariable !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(keyVariable))
    throw new BerthError('bad-input', '--key-env must be the name of an environment variable');
  return found.map(({ name, url }) => ({
    name: options.as ?? name,
    url,
    ...(keyVariable !== undefined && { keyVariable }),
  }));
}

interface Connectable {
  readonly name: string;
  readonly url: string;
}

/** Those of these names; all without one. */
async function serversOf(client: ApiClient, names: readonly string[]): Promise<Connectable[]> {
  const found =
    names.length === 0 ? await client.list() : await Promise.all(names.map((name) => client.get(name)));
  return found.map((server) => ({ name: server.name, url: urlOf(server) }));
}

async function groupsOf(client: ApiClient, names: readonly string[]): Promise<Connectable[]> {
  if (names.length === 0) return await client.pages<Connectable>('/groups', 'groups');
  return await Promise.all(
    names.map((name) => client.json<Connectable>(`/groups/${encodeURIComponent(name)}`)),
  );
}

function urlOf({ name, status }: ServerAnswer): string {
  const url = status.endpoints.find(({ transport }) => transport === 'streamable-http')?.url;
  if (url !== undefined) return url;
  throw new BerthError('busy', `${name} has no URL yet`, { hint: `Look at it with: berth get ${name}.` });
}

function wantsKey({ keyVariable }: ServerTarget): boolean {
  return keyVariable !== undefined;
}

interface RelayInput {
  readonly needsKey: boolean;
  readonly keyFile: string | undefined;
  readonly gateway: string;
  readonly system: CliSystem;
}

/** A program gets the path of the key file, never a key; a gateway that wants a key cannot be relayed to without one. */
function relayOf(url: string, { needsKey, keyFile, gateway, system }: RelayInput) {
  if (needsKey && keyFile === undefined) return undefined;
  const { command, args } = system.self;
  // It sends the key to this gateway only, so it must know which that is.
  const key = keyFile === undefined ? [] : ['--url', gateway, '--key-file', resolve(system.cwd, keyFile)];
  return { command, args: [...args, 'stdio', ...key, url] };
}

function clientOf(id: string): ClientDefinition {
  const client = findClient(id);
  if (client) return client;
  throw new BerthError('bad-input', `${JSON.stringify(id)} is no client that Berth knows`, {
    hint: `It knows ${CLIENTS.map((one) => one.id).join(', ')}.`,
  });
}

function fileOf(client: ClientDefinition, scope: Scope | undefined, system: CliSystem): string {
  const chosen = scope ?? (client.files.user ? 'user' : 'project');
  const parts = client.files[chosen];
  if (parts) return resolve(system.cwd, join(...parts(system.places)));
  throw new BerthError('bad-input', `${client.title} has no file of a ${chosen}`, {
    hint: 'Leave --scope out, or give the file with --file.',
  });
}

interface ClientRow {
  readonly client: string;
  readonly title: string;
  readonly file: string;
  readonly there: boolean;
}

const ROWS: ListShape<ClientRow> = {
  name: ({ client }) => client,
  columns: [
    { head: 'CLIENT', of: ({ client }) => client },
    { head: 'NAME', of: ({ title }) => title },
    { head: 'THERE', of: ({ there }) => (there ? 'yes' : '-') },
    { head: 'FILE', of: ({ file }) => file },
  ],
};

async function list(command: Command, system: CliSystem): Promise<number> {
  const rows = await Promise.all(
    CLIENTS.map(async (client): Promise<ClientRow> => {
      const file = fileOf(client, undefined, system);
      const there = await system.readIfThere(file).then(
        (text) => text !== undefined,
        () => false,
      );
      return { client: client.id, title: client.title, file, there };
    }),
  );
  system.out(listText(rows, formatOf(command), ROWS));
  return EXIT.ok;
}
