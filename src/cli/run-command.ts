/** `berth run`: a template or a package in, URLs out. */
import type { Command } from 'commander';
import type { BerthError } from '../errors.ts';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type { CliSystem, RunningGateway } from './cli-system.ts';
import type { EventAnswer, ServerAnswer } from './client.ts';
import { ApiClient, failureError } from './client.ts';
import { createContext, readKey } from './context.ts';
import { EXIT, exitCodeOf, failureLine, failureText } from './failure.ts';
import { untilSignal } from './gateway-commands.ts';
import type { CommandRunner } from './program.ts';
import { ProgressLine } from './progress.ts';
import { describeTarget, parseReference } from './reference.ts';

interface RunOptions {
  readonly name?: string;
  readonly version?: string;
  readonly bin?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secret: Readonly<Record<string, string>>;
  readonly isolation?: string;
  readonly sessions?: string;
  readonly start?: boolean;
}

const TRANSPORT_NAMES: Readonly<Record<string, string>> = {
  'streamable-http': 'Streamable HTTP',
  sse: 'HTTP+SSE',
  websocket: 'WebSocket',
};

export function addRunCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('run <reference> [args...]')
    .description(
      'run a template (bare name) or a package (npm:name[@version], @scope/name, pypi:name[==version])',
    )
    .option('--name <name>', 'name of the server, and part of its URLs')
    .option('--use-version <version>', 'instead of the version of the template')
    .option('--bin <program>', 'which program of the package to run')
    .option('-e, --env <NAME=value>', 'environment variable of the server (repeatable)', collect('env'), {})
    .option(
      '--secret <NAME=reference>',
      'secret variable, as env:NAME or file:/path as the gateway sees them (repeatable)',
      collect('secret'),
      {},
    )
    .option('--isolation <kind>', 'who shares a process: session, principal, shared or call')
    .option('--sessions <kind>', 'minted, or none for servers without sessions')
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
    await agreeToStart(context.client.url, options, system, error);
    return undefined;
  });
  if (server)
    return await present({
      server,
      client: context.client,
      json: context.json,
      system,
      title,
      gateway: undefined,
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

function toSpec(
  target: ReturnType<typeof parseReference>,
  { args, options }: RunInput,
): Record<string, unknown> {
  const { name, version, bin, env, secret, isolation, sessions } = options;
  return Object.fromEntries(
    Object.entries({ ...target, name, version, bin, args, env, secrets: secret, isolation, sessions }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

async function agreeToStart(
  url: string,
  options: RunOptions,
  system: CliSystem,
  cause: unknown,
): Promise<void> {
  const host = URL.parse(url)?.hostname ?? '';
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host)) throw cause;
  if (options.start) return;
  if (
    system.interactive &&
    (await system.confirm(`There is no gateway at ${url}. Start one here, until Ctrl-C?`))
  )
    return;
  throw new Failure('unreachable', `there is no gateway at ${url}`, {
    cause,
    hint: 'Start one in another terminal with berth start, or here with berth run --start.',
  });
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
    const code = await present({ server, client, json, system, title, gateway, signal: leaving.signal });
    if (code !== EXIT.ok) return code;
    await untilSignal(system, leaving.signal);
    await client.stop(server.name, false);
    return EXIT.ok;
  } finally {
    cancel();
    await gateway.close();
  }
}

interface PresentInput {
  readonly server: ServerAnswer;
  readonly client: ApiClient;
  readonly json: boolean;
  readonly system: CliSystem;
  readonly title: string;
  readonly gateway: RunningGateway | undefined;
  readonly signal?: AbortSignal;
}

/** Shows the start and what came of it; returns the exit code. */
async function present(input: PresentInput): Promise<number> {
  const { client, json, system, signal } = input;
  const started = await watch(input);
  if (signal?.aborted) return EXIT.ok;
  const server = await client.get(input.server.name);
  const { state, failure, message } = server.status;
  if (state === 'running') {
    system.out(json ? `${JSON.stringify(server)}\n` : describeRunning(server, input.gateway !== undefined));
    return EXIT.ok;
  }
  const error = failure ? failureError(failure) : new Failure('stopped', message);
  return report(error, { json, system, afterMs: started.failedAfter });
}

async function watch({
  server,
  client,
  json,
  system,
  title,
  signal,
}: PresentInput): Promise<{ failedAfter: number | undefined }> {
  const line = new ProgressLine(title, {
    write: json ? undefined : (text) => system.err(text),
    live: system.interactive,
  });
  let phaseBegan: number | undefined;
  let failedAfter: number | undefined;
  if (server.status.state !== 'running') {
    for await (const event of client.events(server.name, signal)) {
      line.add(event);
      if (event.type === 'phase' && event.state === 'started') phaseBegan = event.at;
      if (event.type === 'failed' && phaseBegan !== undefined) failedAfter = event.at - phaseBegan;
      if (isEnd(event)) break;
    }
    line.end();
  }
  return { failedAfter };
}

function isEnd(event: EventAnswer): boolean {
  return event.type === 'running' || event.type === 'failed' || event.type === 'stopped';
}

function report(
  error: BerthError,
  { json, system, afterMs }: { json: boolean; system: CliSystem; afterMs: number | undefined },
): number {
  system.err(json ? failureLine(error) : failureText(error, afterMs));
  return exitCodeOf(error);
}

function describeRunning({ name, status }: ServerAnswer, foreground: boolean): string {
  const tools = status.tools
    ? `, ${status.tools.length} ${status.tools.length === 1 ? 'tool' : 'tools'}`
    : '';
  const width = Math.max(...status.endpoints.map(({ url }) => url.length)) + 4;
  const urls = status.endpoints.map(
    ({ transport, url }) => `  ${url.padEnd(width)}${TRANSPORT_NAMES[transport] ?? transport}`,
  );
  const next = foreground
    ? `Next, in another terminal: berth logs -f ${name} · berth get ${name}. Ctrl-C stops it.`
    : `Next: berth logs -f ${name} · berth get ${name} · berth stop ${name}`;
  return `${[`${name} is running${tools}${status.era === undefined ? '' : `, speaks ${status.era}`}`, ...urls, next].join('\n')}\n`;
}

/** Gathers `NAME=value` options. A bad one is not repeated: it may be a secret. */
function collect(option: string): (text: string, previous: Record<string, string>) => Record<string, string> {
  return (text, previous) => {
    const at = text.indexOf('=');
    if (at < 1)
      throw new Failure(
        'bad-input',
        `--${option} needs NAME=${option === 'env' ? 'value' : 'env:NAME or NAME=file:/path'}`,
      );
    return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
  };
}
