/** `berth bridge -- <command…>`: one local program at a URL, for the person at the keyboard. */
import { type Command, Option } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem, RunningGateway } from './cli-system.ts';
import { planMcpProxy } from './compat/mcp-proxy.ts';
import { planSupergateway } from './compat/supergateway.ts';
import { EXIT } from './failure.ts';
import { untilSignal } from './gateway-commands.ts';
import type { CommandExtension } from './program.ts';
import type { OpenRelay } from './stdio-command.ts';

export interface BridgeRequest {
  readonly command: readonly [string, ...string[]];
  readonly host: string;
  readonly port: number;
  readonly isolation: 'session' | 'principal' | 'shared' | 'call';
  readonly spares: number;
  readonly era?: 'legacy' | 'modern';
  /** Where the endpoints are, instead of `/mcp`, `/sse` with `/message`, and `/ws`. */
  readonly paths?: {
    readonly mcp?: string;
    readonly sse?: string;
    readonly messages?: string;
    readonly ws?: string;
  };
  readonly publicUrl?: string;
  readonly allowedOrigins?: readonly string[];
  readonly limits?: {
    readonly idle?: number;
    readonly startTimeout?: number;
    readonly requestTimeout?: number;
    readonly messageBytes?: number;
  };
  /** Paths that say that the bridge is there, and what they say. */
  readonly healthPaths?: Readonly<Record<string, string>>;
}

/** A bridge that runs, and what its program showed to speak. */
export interface OpenBridge extends RunningGateway {
  readonly eras: readonly string[];
  readonly problem?: BerthError;
}

interface BridgeFlags {
  readonly port: string;
  readonly host: string;
  readonly isolation: BridgeRequest['isolation'];
  readonly spares: string;
  readonly era: 'legacy' | 'modern' | 'auto';
}

const MOST_SPARES = 64;
const LAST_PORT = 65_535;

/** The flags of which bridges are understood. */
const COMPAT = { supergateway: planSupergateway, 'mcp-proxy': planMcpProxy } as const;
/** The command that takes the flags of others; nobody types it. */
const COMPAT_COMMAND = 'bridge-compat';

/** `bridge --compat NAME …` as a command of its own, because what follows is not for this parser. */
export function withCompat(argv: readonly string[]): string[] {
  const at = argv.indexOf('bridge');
  const [flag = '', name = '', ...rest] = argv.slice(at + 1);
  if (at < 0) return [...argv];
  if (flag === '--compat') return [...argv.slice(0, at), COMPAT_COMMAND, name, '--', ...rest];
  if (!flag.startsWith('--compat=')) return [...argv];
  return [...argv.slice(0, at), COMPAT_COMMAND, flag.slice('--compat='.length), '--', ...argv.slice(at + 2)];
}

/** Adds the command; `open` starts the bridge, `relay` takes over the standard streams. */
export function bridgeCommand(
  open: (request: BridgeRequest) => Promise<OpenBridge>,
  relay: OpenRelay,
): CommandExtension {
  return (program, system, run) => {
    program
      .command(`${COMPAT_COMMAND} <name> [flags...]`, { hidden: true })
      .action((name: string, flags: readonly string[], _options: unknown, command: Command) =>
        run(command, () => runCompat({ name, flags }, { open, relay, system })),
      );
    program
      .command('bridge')
      .description('serve one local program at /mcp, /sse and /ws until Ctrl-C')
      .argument('<command...>', 'the program and its arguments, after --')
      .option('--port <number>', 'port to listen on; 0 takes a free one', '8000')
      .option('--host <address>', 'address to listen on', '127.0.0.1')
      .addOption(
        new Option(
          '--compat <bridge>',
          'first of all: the flags and paths of that bridge instead of these',
        ).choices(Object.keys(COMPAT)),
      )
      .addOption(
        new Option('--isolation <kind>', 'which clients share a process')
          .choices(['session', 'principal', 'shared', 'call'])
          .default('session'),
      )
      .option('--spares <number>', 'processes kept started for the next clients', '0')
      .addOption(
        new Option('--era <era>', 'what the program speaks; auto starts it once to find out')
          .choices(['auto', 'legacy', 'modern'])
          .default('auto'),
      )
      .action((words: readonly string[], flags: BridgeFlags, command: Command) =>
        run(command, async () => {
          return await serve(toRequest(words, flags), { open, system });
        }),
      );
  };
}

interface Tools {
  readonly open: (request: BridgeRequest) => Promise<OpenBridge>;
  readonly relay: OpenRelay;
  readonly system: CliSystem;
}

async function runCompat(
  { name, flags }: { readonly name: string; readonly flags: readonly string[] },
  { open, relay, system }: Tools,
): Promise<number> {
  if (!Object.hasOwn(COMPAT, name))
    throw new BerthError('bad-input', `--compat must be one of ${Object.keys(COMPAT).join(', ')}`);
  const plan = COMPAT[name as keyof typeof COMPAT](flags);
  for (const notice of plan.notices) system.err(`${notice}\n`);
  if (plan.kind === 'bridge') return await serve(plan.request, { open, system });
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  try {
    const error = await relay({ ...plan.request, both: false, signal: leaving.signal });
    if (error) throw error;
    return EXIT.ok;
  } finally {
    cancel();
  }
}

const USUAL = { mcp: '/mcp', sse: '/sse', ws: '/ws' };

async function serve(
  request: BridgeRequest,
  { open, system }: Pick<Tools, 'open' | 'system'>,
): Promise<number> {
  const bridge = await open(request);
  try {
    for (const line of problemLines(bridge.problem)) system.err(line);
    const { mcp, sse, ws } = request.paths ?? USUAL;
    if (mcp !== undefined) system.out(`${bridge.url}${mcp}  Streamable HTTP\n`);
    if (sse !== undefined) system.out(`${bridge.url}${sse}  HTTP+SSE\n`);
    if (ws !== undefined) system.out(`${bridge.url.replace(/^http/, 'ws')}${ws}  WebSocket\n`);
    await untilSignal(system, new AbortController().signal);
  } finally {
    await bridge.close();
  }
  return EXIT.ok;
}

/** The program did not answer when it was tried out: the person at the keyboard wants to know at once. */
function problemLines(problem: BerthError | undefined): string[] {
  if (!problem) return [];
  const stderr = (problem.details.stderr ?? []).slice(-5).map((line) => `  stderr  ${line}\n`);
  return [`✗ ${problem.message}\n`, ...stderr, `  hint    ${problem.hint}\n`];
}

function toRequest(words: readonly string[], flags: BridgeFlags): BridgeRequest {
  const { port, host, isolation, spares, era } = flags;
  const [file, ...args] = words;
  if (file === undefined || file === '')
    throw new BerthError('bad-input', 'a program is needed: berth bridge -- node server.js');
  return {
    command: [file, ...args],
    host,
    port: toInteger('--port', port, LAST_PORT),
    isolation,
    spares: toInteger('--spares', spares, MOST_SPARES),
    ...(era !== 'auto' && { era }),
  };
}

function toInteger(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= most) return value;
  throw new BerthError(
    'bad-input',
    `${flag} must be a whole number from 0 to ${most}, not ${JSON.stringify(text)}`,
  );
}
