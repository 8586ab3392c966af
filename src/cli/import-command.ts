/** `berth import`: the servers of a client's file as servers of Berth. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parseFile } from '../clients/edit-file.ts';
import { type ForeignServer, readServers } from '../clients/read-servers.ts';
import { type Imported, toSpec } from '../clients/to-spec.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { type Format, type ListShape, listText } from './output.ts';
import { collectPairs } from './pairs.ts';
import type { CommandRunner } from './program.ts';

interface ImportOptions {
  readonly dryRun?: boolean;
  readonly only: readonly string[];
  readonly secret: Readonly<Record<string, string>>;
}

export function addImportCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('import <file>')
    .description(
      'run the servers of a file: of a client (mcp.json, claude_desktop_config.json, config.toml of Codex and others), or of berth export; secrets in it become files of their own, and references',
    )
    .option('--dry-run', 'only say what would be done')
    .option(
      '--only <name>',
      'this server (repeatable)',
      (text: string, all: readonly string[]) => [...all, text],
      [],
    )
    .option(
      '--secret <NAME=reference>',
      'instead of what the file has for a variable (repeatable)',
      collectPairs('secret'),
      {},
    )
    .action((file: string, options: ImportOptions, command: Command) =>
      run(command, () => importFile({ file, options, command, system })),
    );
}

interface ImportInput {
  readonly file: string;
  readonly options: ImportOptions;
  readonly command: Command;
  readonly system: CliSystem;
}

interface Row {
  readonly name: string;
  readonly as: string;
  readonly state: 'imported' | 'planned' | 'skipped' | 'failed';
  readonly note: string;
}

const ROWS: ListShape<Row> = {
  name: ({ as }) => as,
  columns: [
    { head: 'IN THE FILE', of: ({ name }) => clean(name) },
    { head: 'SERVER', of: ({ as }) => as },
    { head: 'STATE', of: ({ state }) => state },
    { head: 'NOTE', of: ({ note }) => clean(note) },
  ],
};

async function importFile({ file, options, command, system }: ImportInput): Promise<number> {
  const path = resolve(system.cwd, file);
  const text = await system.readFile(path).catch((cause: unknown) => {
    throw new BerthError('bad-input', `${path} cannot be read`, { cause });
  });
  const { client, format } = await createContext(command, system);
  const exported = exportedSpecs(text, path);
  if (exported) return await importExported(exported, { client, options, format, system });
  const found = readServers(text, path).filter(
    ({ name }) => options.only.length === 0 || options.only.includes(name),
  );
  if (found.length === 0) throw new BerthError('not-found', 'the file has no server of that name');
  const rows: Row[] = [];
  for (const server of found) rows.push(await importOne(server, { client, options, system }));
  system.out(listText(rows, format, ROWS));
  return rows.every(({ state }) => state === 'imported' || state === 'planned') ? EXIT.ok : EXIT.usage;
}

/** What `berth export` wrote; undefined for any other file. */
function exportedSpecs(text: string, path: string): { readonly name: string }[] | undefined {
  if (!/\.(json|ya?ml)$/i.test(path)) return undefined;
  const { version, servers } = parseFile(text, { format: /json$/i.test(path) ? 'jsonc' : 'yaml' });
  const isOurs =
    version === 1 && Array.isArray(servers) && servers.every((one) => 'source' in one || 'template' in one);
  return isOurs ? (servers as { name: string }[]) : undefined;
}

async function importExported(
  specs: readonly { readonly name: string }[],
  { client, options, format, system }: ImportTools & { readonly format: Format },
): Promise<number> {
  const rows: Row[] = [];
  for (const spec of specs.filter(({ name }) => options.only.length === 0 || options.only.includes(name)))
    rows.push(
      options.dryRun
        ? { name: spec.name, as: spec.name, state: 'planned', note: '' }
        : await create(spec, { name: spec.name, note: '' }, client),
    );
  system.out(listText(rows, format, ROWS));
  return rows.every(({ state }) => state !== 'failed') ? EXIT.ok : EXIT.usage;
}

async function create(
  spec: { readonly name: string },
  { name, note }: { readonly name: string; readonly note: string },
  client: ApiClient,
): Promise<Row> {
  try {
    await client.create(spec);
    return { name, as: spec.name, state: 'imported', note };
  } catch (thrown) {
    const error = toBerthError(thrown);
    if (error.code === 'unreachable' || error.code === 'unauthorized') throw error;
    return { name, as: spec.name, state: 'failed', note: error.message };
  }
}

interface ImportTools {
  readonly client: ApiClient;
  readonly options: ImportOptions;
  readonly system: CliSystem;
}

async function importOne(server: ForeignServer, { client, options, system }: ImportTools): Promise<Row> {
  const { name } = server;
  if (server.disabled) return { name, as: '-', state: 'skipped', note: 'it is switched off there' };
  if (server.url?.startsWith(`${client.url}/`) === true)
    return { name, as: '-', state: 'skipped', note: 'it is a server of this gateway' };
  const given = withSecrets(server, options.secret);
  const folder = join(system.places.config, 'berth', 'secrets');
  const fileFor = (kind: string, of: string): string =>
    join(folder, `${toFileName(name)}.${kind}.${toFileName(of)}`);
  const { spec, inline, problem } = toSpec(given.server, (kind, of) => `file:${fileFor(kind, of)}`);
  if (!spec) return { name, as: '-', state: 'skipped', note: problem ?? '' };
  const complete = {
    ...spec,
    ...(Object.keys(given.secrets).length > 0 && { secrets: { ...spec.secrets, ...given.secrets } }),
  };
  const kept = inline.map(({ name: of }) => of).join(', ');
  const note = kept === '' ? '' : `${kept} kept in ${folder}`;
  if (inline.length > 0 && !isHere(client.url))
    return {
      name,
      as: spec.name,
      state: 'skipped',
      note: `${kept} is a secret, and the gateway is on another machine: give it with --secret`,
    };
  if (options.dryRun)
    return { name, as: spec.name, state: 'planned', note: note.replace('kept', 'to be kept') };
  await keep(inline, { system, fileFor });
  return await create(complete, { name, note }, client);
}

/** What is given on the line takes the place of what the file has. */
function withSecrets(
  server: ForeignServer,
  secrets: Readonly<Record<string, string>>,
): { readonly server: ForeignServer; readonly secrets: Readonly<Record<string, string>> } {
  const names = Object.keys(secrets).filter((name) => Object.hasOwn(server.env, name));
  const env = Object.fromEntries(Object.entries(server.env).filter(([name]) => !names.includes(name)));
  return {
    server: { ...server, env },
    secrets: Object.fromEntries(names.map((name) => [name, secrets[name] ?? ''])),
  };
}

async function keep(
  inline: Imported['inline'],
  { system, fileFor }: { readonly system: CliSystem; readonly fileFor: (kind: string, of: string) => string },
): Promise<void> {
  for (const { kind, name, value } of inline) {
    const path = fileFor(kind, name);
    if ((await system.readIfThere(path)) !== value) await system.replaceFile(path, value, { secret: true });
  }
}

function toFileName(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 80);
}

function isHere(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(URL.parse(url)?.hostname ?? '');
}
