/** `berth ls | get | stop | rm`: thin over the API client. */
import type { Command } from 'commander';
import { BerthError, toBerthError } from '../errors.ts';
import { showTemplate } from './catalog-commands.ts';
import type { CliSystem } from './cli-system.ts';
import type { ServerAnswer } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

export function addServerCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('ls')
    .alias('list')
    .description('list servers')
    .option('-l, --label <key[=value]>', 'only servers with this label (repeatable)', another, [])
    .option('--type <type>', 'only servers that come from there: npm, pypi, remote, image, …')
    .option('--template <slug>', 'only servers of this template')
    .option('--state <state>', 'only servers in this state')
    .action((options: ListOptions, command: Command) =>
      run(command, () => list({ options, command, system })),
    );
  program
    .command('get <name> [slug]')
    .description('show a server, or a template: berth get template <slug>')
    .action((name: string, slug: string | undefined, _options: unknown, command: Command) =>
      run(command, () => get({ name, slug, command, system })),
    );
  program
    .command('stop [name]')
    .description('end the sessions and processes of a server; it stays in the list')
    .option('--all', 'every server')
    .option('--force', 'without grace')
    .action((name: string | undefined, options: StopOptions, command: Command) =>
      run(command, () => stopSome({ name, options, command, system })),
    );
  program
    .command('rm <name>')
    .description('stop a server and forget it')
    .option('--force', 'without grace')
    .action((name: string, options: { force?: boolean }, command: Command) =>
      run(command, () => remove({ name, force: options.force ?? false, command, system })),
    );
}

interface ListOptions {
  readonly label: readonly string[];
  readonly type?: string;
  readonly template?: string;
  readonly state?: string;
}

function another(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

interface StopOptions {
  readonly all?: boolean;
  readonly force?: boolean;
}

interface Target {
  readonly name: string;
  readonly command: Command;
  readonly system: CliSystem;
}

async function list({
  options: { label, ...one },
  command,
  system,
}: Omit<Target, 'name'> & { readonly options: ListOptions }): Promise<number> {
  const { client, format } = await createContext(command, system);
  const filter = [...Object.entries(one), ...label.map((text): [string, string] => ['label', text])];
  system.out(listText(await client.list(filter), format, SERVERS));
  return EXIT.ok;
}

const SERVERS: ListShape<ServerAnswer> = {
  name: ({ name }) => name,
  columns: [
    { head: 'NAME', of: ({ name }) => name },
    { head: 'STATE', of: ({ status }) => status.state },
    { head: 'SESSIONS', of: ({ status }) => String(status.sessions) },
    { head: 'ERA', of: ({ status }) => eraText(status) },
    { head: 'SOURCE', of: ({ status }) => sourceOf(status) },
    { head: 'URL', of: ({ status }) => urlOf(status) ?? '' },
    { head: 'TOOLS', wide: true, of: ({ status }) => String(status.tools?.length ?? '-') },
    { head: 'LABELS', wide: true, of: ({ labels }) => pairsText(labels) },
    { head: 'TEMPLATE', wide: true, of: ({ spec }) => spec?.template ?? '-' },
    { head: 'MESSAGE', wide: true, of: ({ status }) => clean(status.message) },
  ],
};

/** What it speaks, as a specification says it. */
function eraText({ eras, era = '-' }: ServerAnswer['status']): string {
  return eras && eras.length > 1 ? 'both' : era;
}

function pairsText(labels: Readonly<Record<string, string>> = {}): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function urlOf({ endpoints }: ServerAnswer['status']): string | undefined {
  return endpoints.find(({ transport }) => transport === 'streamable-http')?.url;
}

function sourceOf({ package: found, remote }: ServerAnswer['status']): string {
  if (remote) return clean(remote.url);
  return found ? `${found.ecosystem}:${found.name} ${found.version}` : '-';
}

async function get({
  name,
  slug,
  command,
  system,
}: Target & { readonly slug: string | undefined }): Promise<number> {
  const { client, format } = await createContext(command, system);
  if (slug !== undefined) {
    if (name !== 'template')
      throw new BerthError('bad-input', `there is nothing called ${JSON.stringify(name)} to get`, {
        hint: 'Use berth get <server> or berth get template <slug>.',
      });
    return await showTemplate(slug, command, system);
  }
  const server = await client.get(name);
  system.out(format === 'name' ? `${server.name}\n` : valueText(server, format));
  return EXIT.ok;
}

/** One server by its name, or with `--all` every one; one that cannot be stopped does not keep the others. */
async function stopSome({
  name,
  options: { all = false, force = false },
  command,
  system,
}: Omit<Target, 'name'> & {
  readonly name: string | undefined;
  readonly options: StopOptions;
}): Promise<number> {
  if (all === (name !== undefined))
    throw new BerthError('bad-input', 'one server or --all is needed', {
      hint: 'Use berth stop <name> or berth stop --all.',
    });
  if (name !== undefined) return await stop({ name, force, command, system });
  const { client, json } = await createContext(command, system);
  const servers = await client.list();
  const ends = await Promise.allSettled(servers.map((server) => client.stop(server.name, force)));
  const stopped = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value.name] : []));
  const failed = ends.flatMap((end, index) => {
    const { name: of = '' } = servers[index] ?? {};
    return end.status === 'rejected' ? [{ name: of, message: toBerthError(end.reason).message }] : [];
  });
  system.out(
    json ? `${JSON.stringify({ stopped, failed })}\n` : `${stopped.length} of ${servers.length} stopped\n`,
  );
  if (failed.length === 0) return EXIT.ok;
  throw new BerthError('internal', failed.map((one) => `${one.name}: ${one.message}`).join('; '));
}

async function stop({ name, force, command, system }: Target & { readonly force: boolean }): Promise<number> {
  const { client, json } = await createContext(command, system);
  const server = await client.stop(name, force);
  system.out(
    json
      ? `${JSON.stringify(server)}\n`
      : `${server.status.message}. Start it again with berth start ${name}, or remove it with berth rm ${name}.\n`,
  );
  return EXIT.ok;
}

async function remove({
  name,
  force,
  command,
  system,
}: Target & { readonly force: boolean }): Promise<number> {
  const { client } = await createContext(command, system);
  await client.remove(name, force);
  return EXIT.ok;
}
