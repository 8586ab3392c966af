/** `berth login | logout`: a person's login at a remote server, which the gateway keeps and renews. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { Callback, CliSystem } from './cli-system.ts';
import type { ApiClient } from './client.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface LoginFlags {
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly scope?: string;
  readonly paste?: boolean;
}

interface BegunAnswer {
  readonly login: string;
  readonly authorizationUrl: string;
}

interface LoginAnswer {
  readonly issuer: string;
  readonly scope?: string;
  readonly expiresAt?: string;
  readonly renewable: boolean;
}

/** Nobody listens there: the person copies the address that their browser could not open. */
const PASTE_ADDRESS = 'http://127.0.0.1/callback';

export function addLoginCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('login <server>')
    .description(
      'log in to a remote server (OAuth): shows an address to open, and the gateway keeps and renews what it gets',
    )
    .option('--client-id <id>', 'of a client that is registered there, where none can be made')
    .option('--client-secret <reference>', 'its secret, as env:NAME or file:/path as the gateway sees them')
    .option('--scope <words>', 'instead of what the server asks for')
    .option('--paste', 'the browser is on another machine: paste the address that it ends at')
    .action((server: string, flags: LoginFlags, command: Command) =>
      run(command, () => login(server, flags, { command, system })),
    );
  program
    .command('logout <server>')
    .description('end the login at a remote server')
    .action((server: string, _options: unknown, command: Command) =>
      run(command, async () => {
        const { client } = await createContext(command, system);
        await client.send(pathOf(server), { method: 'DELETE' });
        return EXIT.ok;
      }),
    );
}

interface Surroundings {
  readonly command: Command;
  readonly system: CliSystem;
}

async function login(server: string, flags: LoginFlags, { command, system }: Surroundings): Promise<number> {
  const { client, format } = await createContext(command, system);
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  const callback = flags.paste ? undefined : await system.listenForCallback();
  try {
    const begun = await begin(client, server, flags, callback?.url ?? PASTE_ADDRESS);
    system.err(`Open this address and agree:\n\n  ${clean(begun.authorizationUrl)}\n\n`);
    const address = callback
      ? await received(callback, begun, leaving.signal)
      : await system.ask('The address that the browser ends at: ');
    if (address === undefined) return EXIT.interrupted;
    const path = `${pathOf(server)}/${encodeURIComponent(begun.login)}`;
    const answer = await client.json<LoginAnswer>(path, {
      method: 'POST',
      body: { callback: address.trim() },
    });
    if (isData(format)) system.out(valueText(answer, format));
    else system.out(answerText(server, answer));
    return EXIT.ok;
  } finally {
    cancel();
    await callback?.close();
  }
}

async function begin(
  client: ApiClient,
  server: string,
  { clientId, clientSecret, scope }: LoginFlags,
  redirectUri: string,
): Promise<BegunAnswer> {
  const body = { redirectUri, clientId, clientSecret, scope };
  return await client.json(pathOf(server), { method: 'POST', body });
}

/** Undefined when the person has left. What does not come from this login is not taken for it. */
async function received(
  callback: Callback,
  { authorizationUrl }: BegunAnswer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const state = URL.parse(authorizationUrl)?.searchParams.get('state');
  if (!state) throw new BerthError('internal', 'the login has no state');
  return await callback.received(state, signal);
}

function pathOf(server: string): string {
  return `/servers/${encodeURIComponent(server)}/login`;
}

function answerText(server: string, { issuer, scope, expiresAt, renewable }: LoginAnswer): string {
  const until = expiresAt === undefined ? '' : `, until ${expiresAt}`;
  const how = renewable ? 'renewed by the gateway' : `not renewable${until}`;
  return `Logged in to ${server} at ${clean(issuer)}${scope === undefined ? '' : `, scope ${clean(scope)}`} (${how})\nNext: berth tools ${server}\n`;
}
