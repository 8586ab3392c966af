/** The servers in a client's file, whichever client it is of. */
import { BerthError } from '../errors.ts';
import type { Entry } from './client.ts';
import { parseFile } from './edit-file.ts';
import { memberOf } from './list-edit.ts';
import { splitWords } from './words.ts';

/** A server as a client knows it. */
export interface ForeignServer {
  readonly name: string;
  readonly disabled: boolean;
  /** The program and its arguments, in words. */
  readonly command?: readonly string[];
  readonly url?: string;
  readonly transport?: 'streamable-http' | 'sse';
  readonly env: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Why it cannot be read. */
  readonly problem?: string;
}

/** Members under which clients keep their servers by name. */
const HOLDERS = [
  'mcpServers',
  'servers',
  'context_servers',
  'mcp_servers',
  'amp.mcpServers',
  'mcp',
  'extensions',
];

/** Throws `bad-input` for a file in which no servers are found. */
export function readServers(text: string, path: string): ForeignServer[] {
  const file = parseFile(text, { format: formatOf(path) });
  for (const holder of HOLDERS) {
    const found = memberOf(file, holder);
    // Some clients nest one holder in another one.
    const inner = memberOf(found, 'servers') ?? found;
    const servers = entriesOf(inner);
    if (servers.length > 0) return servers.map(([name, entry]) => toServer(name, entry));
  }
  throw new BerthError('bad-input', 'the file has no servers of MCP', {
    hint: `Looked for ${HOLDERS.join(', ')}.`,
  });
}

function formatOf(path: string): 'jsonc' | 'toml' | 'yaml' {
  if (/\.toml$/i.test(path)) return 'toml';
  return /\.ya?ml$/i.test(path) ? 'yaml' : 'jsonc';
}

function entriesOf(value: unknown): [string, Entry][] {
  if (Array.isArray(value))
    return value.flatMap((one): [string, Entry][] => {
      const name = memberOf(one, 'name');
      return typeof name === 'string' ? [[name, one as Entry]] : [];
    });
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).filter(
    (pair): pair is [string, Entry] =>
      typeof pair[1] === 'object' && pair[1] !== null && !Array.isArray(pair[1]),
  );
}

function toServer(name: string, entry: Entry): ForeignServer {
  const url = firstText(entry, ['url', 'serverUrl', 'httpUrl', 'uri']);
  const type = firstText(entry, ['type', 'transport']);
  const base = {
    name,
    disabled: entry.disabled === true || entry.enabled === false,
    env: textsOf(entry.env ?? entry.environment ?? entry.envs),
    headers: headersOf(entry),
  };
  if (url !== undefined) {
    const transport = transportOf(entry, type);
    return { ...base, url, ...(transport && { transport }) };
  }
  try {
    const command = commandOf(entry);
    return command.length > 0
      ? { ...base, command }
      : { ...base, problem: 'has neither a command nor a URL' };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return { ...base, problem: error.message };
  }
}

/** A command of several words in one text is what some people write where a program is wanted. */
function commandOf(entry: Entry): string[] {
  const command = entry.command ?? entry.cmd;
  const args = Array.isArray(entry.args) ? entry.args.map(String) : [];
  if (Array.isArray(command)) return [...command.map(String), ...args];
  // Zed used to nest it.
  if (typeof command === 'object' && command !== null) {
    const { path, args: inner } = command as Entry;
    return typeof path === 'string' ? [path, ...(Array.isArray(inner) ? inner.map(String) : [])] : [];
  }
  if (typeof command !== 'string' || command.trim() === '') return [];
  return args.length === 0 ? splitWords(command) : [command, ...args];
}

function transportOf(entry: Entry, type: string | undefined): ForeignServer['transport'] {
  if ('httpUrl' in entry) return 'streamable-http';
  if (type === 'sse') return 'sse';
  return type !== undefined && /^(http|streamable-?_?http)$/i.test(type) ? 'streamable-http' : undefined;
}

/** Codex names the variable of a key, and those of headers, beside the headers themselves. */
function headersOf(entry: Entry): Record<string, string> {
  const nested = memberOf(entry.requestOptions, 'headers');
  const plain = textsOf(entry.headers ?? entry.http_headers ?? nested);
  const named = Object.entries(textsOf(entry.env_http_headers)).map(([name, variable]) => [
    name,
    `\${${variable}}`,
  ]);
  const token = entry.bearer_token_env_var;
  const bearer = typeof token === 'string' ? { Authorization: `Bearer \${${token}}` } : {};
  return { ...plain, ...Object.fromEntries(named), ...bearer };
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => ['string', 'number', 'boolean'].includes(typeof one))
      .map(([name, one]) => [name, String(one)]),
  );
}

function firstText(entry: Entry, names: readonly string[]): string | undefined {
  const found = names.map((name) => entry[name]).find((value) => typeof value === 'string');
  return found as string | undefined;
}
