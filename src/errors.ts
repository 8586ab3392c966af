/**
 * The one error catalogue: every failure that leaves a module is a {@link BerthError} whose code stands in
 * {@link ERROR_TABLE} with its HTTP status, its JSON-RPC code and what a reader can do about it.
 */

/** Where in a server's start a failure happened. */
export type StartPhase = 'resolve' | 'install' | 'spawn' | 'handshake' | 'run';

interface ErrorEntry {
  /** HTTP status on `/api` and on MCP paths. */
  readonly status: number;
  /** JSON-RPC error code on MCP paths. */
  readonly rpc: number;
  /** What the reader can do; a more exact hint given at the throw site wins. */
  readonly hint: string;
}

export const ERROR_TABLE = {
  'bad-input': { status: 400, rpc: -32602, hint: 'Correct the named field and send the request again.' },
  'bad-setting': { status: 500, rpc: -32603, hint: 'Correct the named setting and start Berth again.' },
  'parse-error': { status: 400, rpc: -32700, hint: 'Send one valid UTF-8 JSON text.' },
  'invalid-request': {
    status: 400,
    rpc: -32600,
    hint: 'Send a JSON-RPC 2.0 message as the MCP revision in use defines it.',
  },
  'unsupported-version': {
    status: 400,
    rpc: -32000,
    hint: 'Use a revision of MCP from 2024-11-05 on; HTTP+SSE ends with 2025-11-25.',
  },
  'unknown-version': {
    status: 400,
    rpc: -32022,
    hint: 'Use one of the revisions that data.supported names.',
  },
  'header-mismatch': {
    status: 400,
    rpc: -32020,
    hint: 'Send the MCP headers that the body calls for; list the tools again if a parameter header is at fault.',
  },
  'missing-capability': {
    status: 400,
    rpc: -32021,
    hint: 'Declare the capabilities that data.requiredCapabilities names, if the client has them.',
  },
  'unknown-method': {
    status: 404,
    rpc: -32601,
    hint: 'This revision or this server has no such method: ask server/discover what is offered.',
  },
  'invalid-params': {
    status: 400,
    rpc: -32602,
    hint: 'Send the parameters that the MCP revision in use defines for this method.',
  },
  'missing-session': {
    status: 400,
    rpc: -32000,
    hint: 'Send initialize first, then its Mcp-Session-Id on every request.',
  },
  'unknown-session': { status: 404, rpc: -32001, hint: 'The session has ended: send initialize again.' },
  'unknown-stream': { status: 400, rpc: -32000, hint: 'Open the stream without Last-Event-ID.' },
  unauthorized: {
    status: 401,
    rpc: -32001,
    hint: 'Send a valid key as "Authorization: Bearer …"; on one machine berth key add NAME makes one, a release in a cluster has its own (auth in its values).',
  },
  forbidden: {
    status: 403,
    rpc: -32001,
    hint: 'Call from an allowed origin, or add it to the allowedOrigins setting.',
  },
  'wrong-host': {
    status: 421,
    rpc: -32000,
    hint: 'Call the address that Berth printed, or add the host to the allowedHosts setting.',
  },
  'not-found': { status: 404, rpc: -32001, hint: 'List what exists with: berth ls.' },
  'method-not-allowed': { status: 405, rpc: -32000, hint: 'Use one of the methods of the Allow header.' },
  'not-acceptable': { status: 406, rpc: -32000, hint: 'Accept both application/json and text/event-stream.' },
  conflict: { status: 409, rpc: -32603, hint: 'Use another name, or remove the existing one first.' },
  'in-progress': {
    status: 409,
    rpc: -32603,
    hint: 'Send it again after Retry-After: then its answer is there.',
  },
  'position-expired': {
    status: 410,
    rpc: -32603,
    hint: 'List the servers again, and watch from the position of that list.',
  },
  'precondition-failed': {
    status: 412,
    rpc: -32603,
    hint: 'Read it again, decide anew, and send its new ETag as If-Match.',
  },
  'too-large': { status: 413, rpc: -32000, hint: 'Send a smaller message, or raise limits.messageBytes.' },
  'unsupported-media-type': { status: 415, rpc: -32000, hint: 'Send Content-Type: application/json.' },
  'limit-reached': {
    status: 429,
    rpc: -32000,
    hint: 'End sessions that are no longer used, or raise the limit.',
  },
  'not-allowed': { status: 403, rpc: -32001, hint: 'An operator setting forbids this kind of server.' },
  'missing-input': { status: 422, rpc: -32602, hint: 'Give the named inputs and run it again.' },
  'key-reused': {
    status: 422,
    rpc: -32602,
    hint: 'Use a new Idempotency-Key for another request; the same one only to send the same again.',
  },
  internal: { status: 500, rpc: -32603, hint: 'Look at the gateway log with this request id.' },
  'cluster-refused': {
    status: 502,
    rpc: -32603,
    hint: 'Ask who runs the cluster: a right, a policy or a quota there forbids it, and the message says which.',
  },
  'resolve-failed': {
    status: 502,
    rpc: -32603,
    hint: 'Check the package name, the version and the registry settings.',
  },
  'registry-failed': {
    status: 502,
    rpc: -32603,
    hint: 'Check the registry settings of npm, pip or uv, and whether the registry is up; then search again.',
  },
  'install-failed': {
    status: 502,
    rpc: -32603,
    hint: 'Read the last lines of the installer; a build step may need allowInstallScripts.',
  },
  'start-failed': {
    status: 502,
    rpc: -32603,
    hint: 'Read the last stderr lines; they usually name the missing setting.',
  },
  'process-exited': {
    status: 502,
    rpc: -32603,
    hint: 'The server process ended: send initialize again, and read its log.',
  },
  'request-timeout': {
    status: 504,
    rpc: -32001,
    hint: 'Raise limits.requestTimeout, or let the server report progress.',
  },
  'call-refused': {
    status: 422,
    rpc: -32602,
    hint: 'The server refuses this request: see what it offers with berth tools, prompts or resources.',
  },
  'call-failed': {
    status: 502,
    rpc: -32603,
    hint: 'The server could not do what was asked: read its message and its log.',
  },
  'input-required': {
    status: 409,
    rpc: -32603,
    hint: 'The server asks for input: answer in a terminal, or send inputResponses with the requestState.',
  },
  'message-too-large': {
    status: 502,
    rpc: -32603,
    hint: 'The server answered with a longer line than limits.lineBytes.',
  },
  busy: { status: 503, rpc: -32000, hint: 'Try again shortly, or add replicas.' },
  resting: {
    status: 503,
    rpc: -32000,
    hint: 'Try again shortly: the server is woken by its next request.',
  },
  unreachable: {
    status: 502,
    rpc: -32603,
    hint: 'Start a gateway with: berth up --detach, or give its address with --url.',
  },
  'remote-failed': {
    status: 502,
    rpc: -32603,
    hint: 'Check the address of the remote server, and whether it is up.',
  },
  stopped: { status: 503, rpc: -32000, hint: 'Start the server with: berth start NAME.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export interface ErrorDetails {
  /** The start phase that failed. */
  readonly phase?: StartPhase;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  /** One word for what happened, as the status of a server has it, where a program may want to tell it from others. */
  readonly reason?: 'OutOfMemory' | 'TreeMissing';
  /** Last stderr lines of the process, already scrubbed of secrets. */
  readonly stderr?: readonly string[];
  /** Replaces the catalogue's hint. */
  readonly hint?: string;
  /** Fields at fault: JSON pointer or setting name, and what is wrong. */
  readonly fields?: readonly { readonly pointer: string; readonly detail: string }[];
  /** Further members of a JSON-RPC error's `data`, where the protocol names them. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The only error class that crosses a module boundary on purpose. */
export class BerthError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'BerthError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  get rpc(): number {
    return ERROR_TABLE[this.code].rpc;
  }

  get hint(): string {
    return this.details.hint ?? ERROR_TABLE[this.code].hint;
  }
}

/** Turns anything thrown into a {@link BerthError}; unknown things become `internal`, with their text kept as the cause only. */
export function toBerthError(thrown: unknown): BerthError {
  if (thrown instanceof BerthError) return thrown;
  return new BerthError('internal', 'internal error', { cause: thrown });
}

/** The `data` member of a JSON-RPC error and the shared part of a problem document. */
export function errorData(error: BerthError): Record<string, unknown> {
  const { phase, exitCode, signal, reason, stderr, fields } = error.details;
  const data: Record<string, unknown> = { ...error.details.data, code: error.code, hint: error.hint };
  if (phase !== undefined) data.phase = phase;
  if (exitCode !== undefined && exitCode !== null) data.exitCode = exitCode;
  if (signal !== undefined && signal !== null) data.signal = signal;
  if (reason !== undefined) data.reason = reason;
  if (stderr !== undefined && stderr.length > 0) data.stderr = stderr;
  if (fields !== undefined) data.errors = fields;
  return data;
}
