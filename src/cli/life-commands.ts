/** `berth restart | scale | events | endpoints | export`: the rest of a server's life, and its URLs. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { type ApiClient, type EventAnswer, type ServerAnswer, toProblemError } from './client.ts';
import { type CliContext, createContext } from './context.ts';
import { clean, EXIT, phaseWord } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import { presentStart } from './present-start.ts';
import type { CommandRunner } from './program.ts';

/** Of commands that begin something. */
export interface WaitOptions {
  readonly wait?: boolean;
}

const MOST_REPLICAS = 10;

export function addLifeCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('restart <name>')
    .description('make the processes of a server anew; start it when it was stopped')
    .option('--wait', 'until it runs or has failed')
    .action((name: string, options: WaitOptions, command: Command) =>
      run(command, () =>
        begin({ name, options, command, system }, (client) =>
          // The end of a restart is known by whoever makes it: what ran before it goes on meanwhile, in a cluster.
          client.json(`${pathOf(name)}/restart${options.wait ? '?wait=ready' : ''}`, { method: 'POST' }),
        ),
      ),
    );
  program
    .command('scale <name> <replicas>')
    .description('set the number of replicas, 0 to 10; on one machine 0 or 1')
    .option('--wait', 'until they run or have failed')
    .action((name: string, replicas: string, options: WaitOptions, command: Command) =>
      run(command, () => {
        const body = { replicas: toReplicas(replicas) };
        const query = options.wait && body.replicas > 0 ? '?wait=ready' : '';
        return begin({ name, options: {}, command, system }, (client) =>
          client.json(`${pathOf(name)}/scale${query}`, { method: 'POST', body }),
        );
      }),
    );
  program
    .command('events [name]')
    .description(
      'show the newest start of a server from its beginning, as it goes on; without a name what becomes of servers, until Ctrl-C',
    )
    .action((name: string | undefined, _options: unknown, command: Command) =>
      run(command, () => events(name, command, system)),
    );
  program
    .command('endpoints [name]')
    .description('list the URLs of a server, or of all')
    .action((name: string | undefined, _options: unknown, command: Command) =>
      run(command, () => endpoints(name, command, system)),
    );
  program
    .command('export [names...]')
    .description(
      'write what servers are made of (all, unless some are named), secrets by reference: what berth import takes',
    )
    .action((names: string[], _options: unknown, command: Command) =>
      run(command, () => exportSpecs(names, command, system)),
    );
}

interface Beginning {
  readonly name: string;
  readonly options: WaitOptions;
  readonly command: Command;
  readonly system: CliSystem;
}

/** Says what came of it: at once, or with `--wait` as the start goes on. */
export async function begin(
  { name, options, command, system }: Beginning,
  start: (client: ApiClient) => Promise<ServerAnswer>,
): Promise<number> {
  const { client, json, format } = await createContext(command, system);
  const server = await start(client);
  if (options.wait)
    return await presentStart({ server, client, json, system, title: name, foreground: false });
  system.out(isData(format) ? valueText(server, format) : `${clean(server.status.message)}\n`);
  return EXIT.ok;
}

function toReplicas(text: string): number {
  const value = Number(text);
  if (/^\d{1,2}$/.test(text) && value <= MOST_REPLICAS) return value;
  throw new BerthError(
    'bad-input',
    `the number of replicas must be from 0 to ${MOST_REPLICAS}, not ${JSON.stringify(text)}`,
  );
}

async function events(name: string | undefined, command: Command, system: CliSystem): Promise<number> {
  if (name === undefined) return await watch(command, system);
  const { client, format } = await createContext(command, system);
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  const all: EventAnswer[] = [];
  try {
    for await (const event of client.events(name, leaving.signal)) {
      if (format === 'yaml') all.push(event);
      else system.out(format === 'json' ? valueText(event, format) : `${eventLine(event)}\n`);
    }
  } finally {
    cancel();
  }
  if (format === 'yaml') system.out(valueText(all, format));
  return EXIT.ok;
}

/** Goes on until Ctrl-C. */
async function watch(command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  try {
    for await (const event of client.watch(leaving.signal)) {
      if (event.type === 'failed') throw toProblemError(event.problem);
      const { at, type, server } = event;
      const line = `${at}  ${server.name} ${type}  ${server.status.state}  ${clean(server.status.message)}\n`;
      // Documents of a stream of YAML, lines of JSON.
      const text = format === 'yaml' ? `---\n${valueText(event, format)}` : valueText(event, format);
      system.out(isData(format) ? text : line);
    }
  } finally {
    cancel();
  }
  return EXIT.ok;
}

function eventLine(event: EventAnswer): string {
  const at = new Date(event.at).toISOString();
  switch (event.type) {
    case 'phase': {
      const took = event.ms === undefined ? '' : `  ${(event.ms / 1000).toFixed(1)} s`;
      return `${at}  ${phaseWord(event.phase)} ${event.state}${took}${event.text === undefined ? '' : `  ${clean(event.text)}`}`;
    }
    case 'progress':
      return `${at}  ${phaseWord(event.phase)}  ${clean(event.text)}`;
    case 'failed':
      return `${at}  failed  ${clean(event.failure.message)}`;
    default:
      return `${at}  ${event.type}`;
  }
}

interface EndpointRow {
  readonly server: string;
  readonly transport: string;
  readonly url: string;
}

const ENDPOINTS: ListShape<EndpointRow> = {
  name: ({ url }) => url,
  columns: [
    { head: 'SERVER', of: ({ server }) => server },
    { head: 'TRANSPORT', of: ({ transport }) => transport },
    { head: 'URL', of: ({ url }) => url },
  ],
};

async function endpoints(name: string | undefined, command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const rows = (await chosen(name === undefined ? [] : [name], { client })).flatMap((server) =>
    server.status.endpoints.map(({ transport, url }) => ({ server: server.name, transport, url })),
  );
  system.out(listText(rows, format, ENDPOINTS));
  return EXIT.ok;
}

/** JSON unless YAML is asked for; servers that Berth did not make have nothing to export. */
async function exportSpecs(names: readonly string[], command: Command, system: CliSystem): Promise<number> {
  const context = await createContext(command, system);
  const servers = (await chosen(names, context)).flatMap(({ name, spec }) =>
    spec ? [{ ...spec, name }] : [],
  );
  const value = { version: 1, servers };
  system.out(valueText(value, context.format === 'yaml' ? 'yaml' : 'table'));
  return EXIT.ok;
}

async function chosen(
  names: readonly string[],
  { client }: Pick<CliContext, 'client'>,
): Promise<ServerAnswer[]> {
  if (names.length === 0) return await client.list();
  return await Promise.all(names.map((name) => client.get(name)));
}

function pathOf(name: string): string {
  return `/servers/${encodeURIComponent(name)}`;
}
