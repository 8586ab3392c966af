/** `berth run`: a template, a package or a remote server in, URLs out. */
import type { Command } from 'commander';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type { CliSystem, RunningGateway } from './cli-system.ts';
import { ApiClient } from './client.ts';
import { createContext, readKey } from './context.ts';
import { EXIT } from './failure.ts';
import { untilSignal } from './gateway-commands.ts';
import { agreeToStart } from './offer-gateway.ts';
import { collectPairs } from './pairs.ts';
import { presentStart } from './present-start.ts';
import type { CommandRunner } from './program.ts';
import { describeTarget, parseReference, type RunTarget } from './reference.ts';

interface RunOptions {
  readonly name?: string;
  readonly version?: string;
  readonly bin?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secret: Readonly<Record<string, string>>;
  readonly header: Readonly<Record<string, string>>;
  readonly transport?: string;
  readonly label: Readonly<Record<string, string>>;
  readonly isolation?: string;
  readonly sessions?: string;
  readonly memory?: string;
  readonly cpu?: string;
  readonly start?: boolean;
}

export function addRunCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('run <reference> [args...]')
    .description(
      'run a template (bare name), a package (npm:name[@version], @scope/name, pypi:name[==version]) or a remote server (its https or wss URL)',
    )
    .option('--name <name>', 'name of the server, and part of its URLs')
    .option('--use-version <version>', 'instead of the version of the template')
    .option('--bin <program>', 'which program of the package to run')
    .option(
      '-e, --env <NAME=value>',
      'environment variable of the server (repeatable)',
      collectPairs('env'),
      {},
    )
    .option(
      '--secret <NAME=reference>',
      'secret variable, as env:NAME or file:/path as the gateway sees them (repeatable)',
      collectPairs('secret'),
      {},
    )
    .option(
      '--header <Name=reference>',
      'header that a remote server needs, as env:NAME, file:/path or "Bearer env:NAME" (repeatable)',
      collectPairs('header'),
      {},
    )
    .option(
      '--label <key=value>',
      'word of your own to find it by: berth ls -l key=value (repeatable)',
      collectPairs('label'),
      {},
    )
    .option(
      '--transport <kind>',
      'what a remote server speaks: streamable-http, sse, websocket (by its wss URL) or auto',
    )
    .option('--isolation <kind>', 'who shares a process: session, principal, shared or call')
    .option('--sessions <kind>', 'minted, or none for servers without sessions')
    .option('--memory <quantity>', 'most memory of a process of it, with all that it starts, such as 512Mi')
    .option('--cpu <quantity>', 'most processor time of a process of it, such as 500m or 2')
    .option('--start', 'start a gateway here, in the foreground, when there is none')
    .addHelpText(
      'after',
      '\nArguments of the server come after --, for example: berth run filesystem -- /srv/files',
    )
    .action(
      (reference: string, args: string[], options: RunOptions & { useVersion?: string }, command: Command) =>
        run(command, () =>
          runServer({
            reference,
            args,
            options: { ...options, ...(options.useVersion !== undefined && { version: options.useVersion }) },
            command,
            system,
          }),
        ),
    );
}

interface RunInput {
  readonly reference: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly command: Command;
  readonly system: CliSystem;
}

async function runServer(input: RunInput): Promise<number> {
  const { system, options, command } = input;
  const context = await createContext(command, system);
  const target = parseReference(input.reference);
  const spec = toSpec(target, input);
  const title = describeTarget(target);
  const server = await context.client.create(spec).catch(async (error: unknown) => {
    if (toBerthError(error).code !== 'unreachable') throw error;
    const { url } = context.client;
    const offer = { url, start: options.start, until: 'until Ctrl-C', command: 'berth run' };
    await agreeToStart(offer, system, error);
    return undefined;
  });
  if (server)
    return await presentStart({
      server,
      client: context.client,
      json: context.json,
      system,
      title,
      foreground: false,
    });
  const gateway = await system.launchGateway();
  return await inForeground({
    gateway,
    spec,
    title,
    json: context.json,
    system,
    command,
  });
}

function toSpec(target: RunTarget, { args, options }: RunInput): Record<string, unknown> {
  const { name, version, bin, env, secret, isolation, sessions } = options;
  const labels = Object.keys(options.label).length > 0 ? options.label : undefined;
  return defined({
    ...withRemote(target, options),
    ...{ name, version, bin, args, env, secrets: secret, labels, isolation, sessions },
    resources: resourcesOf(options),
  });
}

function resourcesOf({ memory, cpu }: RunOptions): object | undefined {
  return memory === undefined && cpu === undefined ? undefined : { limits: defined({ memory, cpu }) };
}

/** The target, with what only a remote server can be given. */
function withRemote(target: RunTarget, { header, transport }: RunOptions): object {
  if ('source' in target && 'remote' in target.source)
    return { source: { remote: defined({ ...target.source.remote, transport, headers: header }) } };
  if (Object.keys(header).length === 0 && transport === undefined) return target;
  throw new Failure('bad-input', '--header and --transport are for remote servers only', {
    hint: 'A remote server is its URL: berth run https://….',
  });
}

function defined(members: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

interface ForegroundInput {
  readonly gateway: RunningGateway;
  readonly spec: Record<string, unknown>;
  readonly title: string;
  readonly json: boolean;
  readonly system: CliSystem;
  readonly command: Command;
}

async function inForeground({
  gateway,
  spec,
  title,
  json,
  system,
  command,
}: ForegroundInput): Promise<number> {
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  try {
    const key = await readKey(command, system);
    const client = new ApiClient({
      url: gateway.url,
      fetch: system.fetch,
      ...(key !== undefined && { key }),
    });
    const server = await client.create(spec);
    const code = await presentStart({
      server,
      client,
      json,
      system,
      title,
      foreground: true,
      signal: leaving.signal,
    });
    if (code !== EXIT.ok) return code;
    await untilSignal(system, leaving.signal);
    await client.stop(server.name, false);
    return EXIT.ok;
  } finally {
    cancel();
    await gateway.close();
  }
}
