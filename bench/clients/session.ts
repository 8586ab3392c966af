/** What every load client offers, and the messages they all send. */

/** A client's connection to one contestant. */
export interface Target {
  readonly port: number;
  /** Path of `/mcp`, `/sse` or `/ws`. */
  readonly path: string;
  /** By default 127.0.0.1. */
  readonly address?: string;
  /** As it stands in the Host header, where that is not the address and port. */
  readonly host?: string;
  /** Key of an administrator, where one is needed. */
  readonly key?: string;
}

/** Start of a request's head: its line, its host, and who asks. Of the load clients only that of Streamable HTTP shows a key. */
export function requestHead(
  method: string,
  { path, port, address = '127.0.0.1', host, key }: Target,
): string {
  const authorization = key === undefined ? '' : `Authorization: Bearer ${key}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: ${host ?? `${address}:${port}`}\r\n${authorization}`;
}

export type Transport = 'http' | 'sse' | 'ws';

/** One MCP session of a load client. */
export interface BenchSession {
  /** Initializes the session; resolves when the server has taken `initialized` (WebSocket: when it is sent). */
  open(): Promise<void>;
  /** Sends one request whose JSON text is `before` + id + `after`; `done` is called once, with the answer's bytes or an error. */
  call(id: number, body: CallBody, done: (answer: Buffer | Error) => void): void;
  /** Stops reading whatever comes. */
  pause(): void;
  /** Local ports of the open connections. */
  readonly localPorts: readonly number[];
  close(): Promise<void>;
}

/** A request without its id: ids have a fixed width, so lengths are known in advance. */
export interface CallBody {
  readonly before: string;
  readonly after: string;
  /** `after` as bytes when it is too long to be built into one string with the headers. */
  readonly afterBytes: Buffer;
  readonly large: boolean;
  /** Bytes of the whole message. */
  readonly length: number;
  /** The least an answer may have. */
  readonly answerBytes: number;
}

export const PROTOCOL_VERSION = '2025-06-18';
export const ID_DIGITS = 9;
const LARGE = 4096;
const EMPTY = Buffer.alloc(0);
const ID_MEMBER = Buffer.from('"id":');
const ERROR_MEMBER = Buffer.from('"error":');

/** A `tools/call` of the echo server's tool with the given arguments. `more`: a further member of the params, JSON text. */
export function callBody(tool: string, args: Record<string, unknown>, answerBytes = 0, more = ''): CallBody {
  const params = JSON.stringify({ name: tool, arguments: args });
  const whole = more === '' ? params : `${params.slice(0, -1)},${more}}`;
  return requestBody('tools/call', whole, answerBytes);
}

/** A request of any method with its parameters as JSON text. */
export function requestBody(method: string, params: string, answerBytes = 0): CallBody {
  const before = '{"jsonrpc":"2.0","id":';
  const after = `,"method":"${method}","params":${params}}`;
  const large = after.length > LARGE;
  const length = before.length + ID_DIGITS + Buffer.byteLength(after);
  return { before, after, afterBytes: large ? Buffer.from(after) : EMPTY, large, length, answerBytes };
}

/** An `initialize` that declares `capabilities` (JSON text). */
export function initializeBody(capabilities: string): CallBody {
  const clientInfo = '{"name":"bench","version":"1.0.0"}';
  return requestBody(
    'initialize',
    `{"protocolVersion":"${PROTOCOL_VERSION}","capabilities":${capabilities},"clientInfo":${clientInfo}}`,
  );
}

export const INITIALIZE = initializeBody('{}');

export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

/** The id of an answer, or undefined for a notification. */
export function answerId(message: Buffer): number | undefined {
  const at = message.indexOf(ID_MEMBER);
  if (at === -1) return undefined;
  const id = Number.parseInt(message.toString('latin1', at + 5, at + 5 + ID_DIGITS + 2), 10);
  return Number.isNaN(id) ? undefined : id;
}

/** An error when `answer` is no good answer to the request `id`. */
export function answerFault(answer: Buffer, id: number, body: CallBody): Error | undefined {
  if (answerId(answer) !== id)
    return new Error(`answer to another request: ${answer.toString('utf8', 0, 200)}`);
  const short = answer.length < body.answerBytes;
  if (short || (answer.length < LARGE && answer.includes(ERROR_MEMBER))) {
    return new Error(`error answer: ${answer.toString('utf8', 0, 200)}`);
  }
  return undefined;
}

const ID_BASE = 10 ** (ID_DIGITS - 1);
let lastId = ID_BASE + Math.floor(Math.random() * 8) * ID_BASE;

/** A request id that no other session of this process uses: some bridges broadcast answers. */
export function nextId(): number {
  lastId += 1;
  return lastId;
}
