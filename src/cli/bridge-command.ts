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
}

interface BridgeFlags {
  readonly port: string;
  readonly host: string;
  readonly isolation: BridgeRequest['isolation'];
  readonly spares: string;
}

const MOST_SPARES = 64;
const LAST_PORT = 65_535;

/** Adds the command; `open` starts the bridge. */
export function bridgeCommand(open: (request: BridgeRequest) => Promise<RunningGateway>): CommandExtension {
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
      .action((words: readonly string[], flags: BridgeFlags, command: Command) =>
        run(command, async () => {
          const bridge = await open(toRequest(words, flags));
          try {
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

function toRequest(words: readonly string[], { port, host, isolation, spares }: BridgeFlags): BridgeRequest {
  const [file, ...args] = words;
  if (file === undefined || file === '')
    throw new BerthError('bad-input', 'a program is needed: berth bridge -- node server.js');
  return {
    command: [file, ...args],
    host,
    port: toInteger('--port', port, LAST_PORT),
    isolation,
    spares: toInteger('--spares', spares, MOST_SPARES),
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
