/** The headers that repeat what a modern request's body says, so that those who do not read bodies can route it (2026-07-28, Streamable HTTP). */
import { BerthError } from '../../errors.ts';
import { readString } from '../../jsonrpc/envelope.ts';
import { decodeHeaderValue } from '../../jsonrpc/header-value.ts';
import { taskIdOf } from '../../sessions/lanes/modern/named-task.ts';
import { type ClientMessage, uriOf } from '../../sessions/message.ts';

export interface McpHeaders {
  readonly version?: string;
  readonly method?: string;
  /** Decoded. */
  readonly name?: string;
  /** Decoded values of `Mcp-Param-*` by the lower-case rest of their names. */
  readonly params: Readonly<Record<string, string>>;
}

const VERSION = 'mcp-protocol-version';
const METHOD = 'mcp-method';
const NAME = 'mcp-name';
const PARAM = 'mcp-param-';
const LETTER_M = 0x6d;
const UPPER_TO_LOWER = 0x20;

/** Reads them from alternating names and values (which Node has freed of outer blanks); throws `header-mismatch` for one that is doubled or cannot be decoded. */
export function readMcpHeaders(rawHeaders: readonly string[]): McpHeaders {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] as string;
    if ((raw.charCodeAt(0) | UPPER_TO_LOWER) !== LETTER_M) continue;
    const name = raw.toLowerCase();
    if (!isRead(name)) continue;
    if (values.has(name)) throw mismatch(`there is more than one ${name} header`);
    values.set(name, textOf(name, rawHeaders[at + 1] as string));
  }
  const [version, method, name] = [values.get(VERSION), values.get(METHOD), values.get(NAME)];
  return {
    ...(version !== undefined && { version }),
    ...(method !== undefined && { method }),
    ...(name !== undefined && { name }),
    params: paramsOf(values),
  };
}

/** Throws `header-mismatch` where a header that is there says something else than the message. */
export function checkAgreement(
  headers: McpHeaders,
  message: ClientMessage,
  version: string | undefined,
): void {
  if (version !== undefined && headers.version !== undefined && headers.version !== version)
    throw mismatch('the MCP-Protocol-Version header and the body name different revisions');
  if (headers.method !== undefined && headers.method !== message.envelope.method)
    throw mismatch('the Mcp-Method header and the body name different methods');
}

/** Throws `header-mismatch` where a header that the request needs is missing, or names another thing than its params. */
export function checkRequired(headers: McpHeaders, message: ClientMessage): void {
  if (headers.version === undefined) throw mismatch('the MCP-Protocol-Version header is missing');
  if (headers.method === undefined) throw mismatch('the Mcp-Method header is missing');
  const named = namedBy(message);
  // Params without the name are for the server to refuse.
  if (named === undefined || headers.name === named) return;
  throw mismatch(
    headers.name === undefined
      ? 'the Mcp-Name header is missing'
      : 'the Mcp-Name header and the body name different things',
  );
}

/** What the params of a request name, for the methods whose `Mcp-Name` repeats it. */
function namedBy(message: ClientMessage): string | undefined {
  const { bytes, envelope } = message;
  switch (envelope.method) {
    case 'tools/call':
    case 'prompts/get':
      return envelope.nameStart < 0 ? undefined : readString(bytes, envelope.nameStart, envelope.nameEnd);
    case 'resources/read':
      return uriOf(message);
    case 'tasks/get':
    case 'tasks/update':
    case 'tasks/cancel':
      return taskIdOf(message);
    default:
      return undefined;
  }
}

function isRead(name: string): boolean {
  return name === VERSION || name === METHOD || name === NAME || name.startsWith(PARAM);
}

function textOf(name: string, value: string): string {
  const decoded = name === VERSION || name === METHOD ? value : decodeHeaderValue(value);
  if (decoded === undefined) throw mismatch(`the value of the ${name} header is no base64 of UTF-8`);
  return decoded;
}

/** Made entry by entry, so that a header called `Mcp-Param-__proto__` is one like any other. */
function paramsOf(values: ReadonlyMap<string, string>): Record<string, string> {
  const params: [string, string][] = [];
  for (const [name, value] of values)
    if (name.startsWith(PARAM)) params.push([name.slice(PARAM.length), value]);
  return Object.fromEntries(params);
}

function mismatch(what: string): BerthError {
  return new BerthError('header-mismatch', what);
}
