/** `berth bridge -- <command…>`: one local program at a URL, for the person at the keyboard. */
import { type Command, Option } from 'commander';
import { BerthError } from '../errors.ts';
import type { RunningGateway } from './cli-system.ts';
import { EXIT } from './failure.ts';
import { untilSignal } from './gateway-commands.ts';
import type { CommandExtension } from './program.ts';

export interface BridgeRequest {
  readonly command: readonly [string, ...string[]];
  readonly host: string;
  readonly port: number;
  readonly isolation: 'session' | 'principal' | 'shared' | 'call';
  readonly spares: number;
  readonly era?: 'legacy' | 'modern';
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

/** Adds the command; `open` starts the bridge. */
export function bridgeCommand(open: (request: BridgeRequest) => Promise<OpenBridge>): CommandExtension {
  return (program, system, run) => {
    program
      .command('bridge')
      .description('serve one local program at /mcp, /sse and /ws until Ctrl-C')
      .argument('<command...>', 'the program and its arguments, after --')
      .option('--port <number>', 'port to listen on; 0 takes a free one', '8000')
      .option('--host <address>', 'address to listen on', '127.0.0.1')
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
          const bridge = await open(toRequest(words, flags));
          try {
            for (const line of problemLines(bridge.problem)) system.err(line);
            const webSocket = bridge.url.replace(/^http/, 'ws');
            system.out(
              `${bridge.url}/mcp  Streamable HTTP\n${bridge.url}/sse  HTTP+SSE\n${webSocket}/ws  WebSocket\n`,
            );
            await untilSignal(system, new AbortController().signal);
          } finally {
            await bridge.close();
          }
          return EXIT.ok;
        }),
      );
  };
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
