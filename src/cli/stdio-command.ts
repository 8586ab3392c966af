/** `berth stdio`: a server of Berth, or any MCP URL, for a client that only starts programs. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { createContext, readKey } from './context.ts';
import { EXIT } from './failure.ts';
import { ensureGateway } from './offer-gateway.ts';
import { collectPairs } from './pairs.ts';
import type { CommandExtension } from './program.ts';

const TRANSPORTS = ['streamable-http', 'sse', 'websocket'] as const;

export interface RelayRequest {
  readonly url: string;
  readonly transport?: (typeof TRANSPORTS)[number];
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  /** A gateway of Berth speaks both eras itself. */
  readonly both: boolean;
  readonly signal: AbortSignal;
}

/** Relays standard input and output until the client leaves; resolves with why it could not go on, if it could not. */
export type OpenRelay = (request: RelayRequest) => Promise<BerthError | undefined>;

interface StdioFlags {
  readonly header: Readonly<Record<string, string>>;
  readonly transport?: RelayRequest['transport'];
  readonly start?: boolean;
}

/** Adds the command. */
export function stdioCommand(relay: OpenRelay): CommandExtension {
  return (program, system, run) => {
    program
      .command('stdio [server]')
      .description(
        'be a stdio MCP server, for clients that only start programs: of a server of the gateway (its name), of any MCP URL, or without either of the gateway itself, whose tools find, run and use servers',
      )
      .option(
        '--header <Name=reference>',
        'header that the URL needs, as env:NAME, file:/path or "Bearer env:NAME" (repeatable)',
        collectPairs('header'),
        {},
      )
      .option(
        '--transport <kind>',
        'what the URL speaks, streamable-http, sse or websocket; found out unless given',
      )
      .option('--start', 'where no gateway runs on this machine, start one in the background; it stays')
      .action((server: string | undefined, flags: StdioFlags, command: Command) =>
        run(command, async () => {
          const leaving = new AbortController();
          const cancel = system.onSignal(() => leaving.abort());
          try {
            const error = await relay(
              await toRequest(server, { flags, command, system, signal: leaving.signal }),
            );
            if (error) throw error;
            return EXIT.ok;
          } finally {
            cancel();
          }
        }),
      );
  };
}

interface RequestInput {
  readonly flags: StdioFlags;
  readonly command: Command;
  readonly system: CliSystem;
  readonly signal: AbortSignal;
}

async function toRequest(
  server: string | undefined,
  { flags, command, system, signal }: RequestInput,
): Promise<RelayRequest> {
  const { client } = await createContext(command, system);
  const { transport, start } = flags;
  if (transport !== undefined && !TRANSPORTS.includes(transport))
    throw new BerthError('bad-input', `--transport must be one of ${TRANSPORTS.join(', ')}`);
  const url = server === undefined ? `${client.url}/mcp` : toUrl(server, client.url);
  // A key is for the gateway that it belongs to, and for nobody else.
  const isGateway = url.startsWith(`${client.url}/`);
  if (start) {
    if (!isGateway) throw new BerthError('bad-input', '--start is for the gateway, not for another URL');
    await ensureGateway(client, system, signal);
  }
  const key = isGateway ? await readKey(command, system) : undefined;
  const headers = await resolveHeaders(flags.header, system);
  return {
    url,
    both: isGateway,
    headers: { ...headers, ...(key !== undefined && { Authorization: `Bearer ${key}` }) },
    secrets: [
      ...Object.values(headers).map((value) => value.replace(/^\S+ /, '')),
      ...(key === undefined ? [] : [key]),
    ],
    signal,
    ...(transport !== undefined && { transport }),
  };
}

function toUrl(server: string, gateway: string): string {
  if (/^(https?|wss?):\/\//i.test(server)) {
    if (URL.parse(server)) return server;
    throw new BerthError('bad-input', `${JSON.stringify(server)} is no URL`);
  }
  if (/^[a-z0-9-]{1,52}$/.test(server)) return `${gateway}/servers/${server}/mcp`;
  throw new BerthError('bad-input', `${JSON.stringify(server)} is neither the name of a server nor a URL`);
}

/** References become values here: nobody else will look them up. Throws `bad-input`, without what may be a secret. */
async function resolveHeaders(
  references: Readonly<Record<string, string>>,
  system: CliSystem,
): Promise<Record<string, string>> {
  const entries = Object.entries(references).map(async ([name, text]): Promise<[string, string]> => {
    const [, scheme = '', kind, place = ''] = /^([A-Za-z][A-Za-z0-9-]* )?(env|file):(.+)$/.exec(text) ?? [];
    if (kind === undefined)
      throw new BerthError('bad-input', `the header ${name} must be a reference`, {
        hint: 'Give it as env:NAME, file:/path or "Bearer env:NAME".',
      });
    const value = kind === 'env' ? system.env[place] : await system.readFile(place).catch(() => undefined);
    if (value === undefined || value.trim() === '')
      throw new BerthError(
        'bad-input',
        `the header ${name} refers to ${kind}:${place}, where there is nothing`,
      );
    return [name, `${scheme}${value.trim()}`];
  });
  return Object.fromEntries(await Promise.all(entries));
}
