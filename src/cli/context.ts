/** What the options that all commands share come to. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { ApiClient } from './client.ts';
import type { Format } from './output.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8053';

export interface CliContext {
  readonly client: ApiClient;
  readonly json: boolean;
  readonly format: Format;
}

interface SharedOptions {
  readonly url?: string;
  readonly output?: Format;
  readonly keyFile?: string;
}

/** Throws `bad-input` for a URL that is none or a key file that cannot be read. A key is never an argument: those are seen by everybody. */
export async function createContext(command: Command, system: CliSystem): Promise<CliContext> {
  const options: SharedOptions = command.optsWithGlobals();
  const key = await readKey(command, system);
  const client = new ApiClient({
    url: readUrl(options, system),
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

function readUrl(options: SharedOptions, system: CliSystem): string {
  const text = options.url ?? system.env.BERTH_URL ?? DEFAULT_URL;
  const url = URL.parse(text);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return text;
  throw new BerthError('bad-input', `${JSON.stringify(text)} is no http or https URL`, {
    hint: 'Correct --url or BERTH_URL.',
  });
}

/** The key to send, from the key file or the environment. Throws `bad-input`. */
export async function readKey(command: Command, system: CliSystem): Promise<string | undefined> {
  const file = keyFileOf(command, system);
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
export function keyFileOf(command: Command, system: CliSystem): string | undefined {
  return command.optsWithGlobals<SharedOptions>().keyFile ?? system.env.BERTH_KEY_FILE;
}
