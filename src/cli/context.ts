/** What the options that all commands share come to. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { ApiClient } from './client.ts';
import { contextOf, isGatewayUrl, readContexts } from './contexts.ts';
import type { Format } from './output.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8053';
/** By which the applications of an earlier system find the gateway; anything that is said for this command alone counts more. */
const OLDER_URL = 'MCP_SIDECAR_URL';

export interface CliContext {
  readonly client: ApiClient;
  readonly json: boolean;
  readonly format: Format;
}

interface SharedOptions {
  readonly url?: string;
  readonly context?: string;
  readonly output?: Format;
  readonly keyFile?: string;
}

/** Throws `bad-input` for a URL that is none or a key file that cannot be read. A key is never an argument: those are seen by everybody. */
export async function createContext(command: Command, system: CliSystem): Promise<CliContext> {
  const { url } = await gatewayOf(command, system);
  const key = await readKey(command, system);
  const client = new ApiClient({
    url,
    fetch: system.fetch,
    ...(key !== undefined && { key }),
  });
  return { client, json: wantsJson(command), format: formatOf(command) };
}

export function wantsJson(command: Command): boolean {
  return formatOf(command) === 'json';
}

export function formatOf(command: Command): Format {
  return command.optsWithGlobals<SharedOptions>().output ?? 'table';
}

/**
 * Where the gateway is, and the file of its key: of a flag, else a named context, else the environment, else the current context, else an
 * older variable. */
async function gatewayOf(command: Command, system: CliSystem): Promise<Gateway> {
  const options: SharedOptions = command.optsWithGlobals();
  const outer = options.keyFile ?? system.env.BERTH_KEY_FILE;
  const given = options.url ?? (options.context === undefined ? system.env.BERTH_URL : undefined);
  if (given !== undefined) return { url: checked(given, '--url or BERTH_URL'), keyFile: outer };
  const file = await readContexts(system);
  const name = options.context ?? file.current;
  if (name === undefined) {
    // An empty variable is one that is not set: charts write such.
    const older = system.env[OLDER_URL] || undefined;
    return { url: older === undefined ? DEFAULT_URL : checked(older, OLDER_URL), keyFile: outer };
  }
  const { url, keyFile } = contextOf(file, name);
  // The key of a context is for its gateway; one of the environment may be for another one.
  return { url, keyFile: options.keyFile ?? keyFile ?? system.env.BERTH_KEY_FILE };
}

function checked(url: string, where: string): string {
  if (isGatewayUrl(url)) return url;
  throw new BerthError('bad-input', `${JSON.stringify(url)} is no http or https URL`, {
    hint: `Correct ${where}.`,
  });
}

interface Gateway {
  readonly url: string;
  readonly keyFile: string | undefined;
}

/** The key to send, from the key file or the environment. Throws `bad-input`. */
export async function readKey(command: Command, system: CliSystem): Promise<string | undefined> {
  const file = await keyFileOf(command, system);
  if (file === undefined) return system.env.BERTH_KEY || undefined;
  const text = await system.readFile(file).catch((cause: unknown) => {
    throw new BerthError('bad-input', `the key file ${file} cannot be read`, {
      cause,
      hint: 'Correct --key-file or BERTH_KEY_FILE.',
    });
  });
  return text.trim();
}

/** Path of the key file, where there is one. */
export async function keyFileOf(command: Command, system: CliSystem): Promise<string | undefined> {
  return (await gatewayOf(command, system)).keyFile;
}
