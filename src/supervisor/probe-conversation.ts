/** What a probe and a process say to each other: requests and answers, with the reason when the process ends or stays silent. */
import type { ChannelHandler } from '../channels/channel.ts';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError, type ErrorDetails } from '../errors.ts';
import type { HandshakeReport } from './handshake-report.ts';
import type { LocalProcess } from './process.ts';
import { exitDetails, exitText, seconds } from './process-exit.ts';

export interface HandshakeOptions {
  readonly clientInfo?: { readonly name: string; readonly version: string };
  /** Milliseconds until the first request must be answered. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** The server has answered, and does not speak what it was asked in. */
export class RefusedError extends BerthError {}

export type Json = Readonly<Record<string, unknown>>;

/** A server that is slow to list its tools is up all the same. */
const LIST_MS = 10_000;
/** A process that has closed its output is usually about to exit. */
const EXIT_MS = 1_000;
const STDERR_LINES = 20;
/** What is kept of a server's words about itself: they are stored, and shown to everybody who lists servers. */
const TEXT_LENGTH = 256;
const MOST_TOOLS = 1_000;
const CAPABILITIES_LENGTH = 64 * 1024;
const MOST_PAGES = 20;
/** Characters of one whole list, as JSON. */
const LIST_LENGTH = 1024 * 1024;
/** Of JSON-RPC 2.0. */
const INTERNAL_ERROR = -32603;

export class ProbeConversation {
  readonly #process: LocalProcess;
  readonly #options: HandshakeOptions;
  readonly #clock: Clock;
  readonly #begin: number;
  readonly #answers = new Map<number, (message: Json) => void>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #cleanUp: (() => void)[] = [];
  #nextId = 1;
  #closed = false;

  constructor(process: LocalProcess, options: HandshakeOptions) {
    this.#process = process;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#begin = this.#clock.now();
    this.#failed.promise.catch(() => {});
    const { signal } = options;
    const abort = (): void => this.#failed.reject(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    this.#cleanUp.push(() => signal?.removeEventListener('abort', abort));
    void process.exited.then(() => this.#fail());
    process.channel.start(this.#handler());
  }

  /** The first request, which must be answered in time. `what` it is, for the reason. */
  async open(method: string, params: Json): Promise<Json> {
    const silent = this.#clock.after(this.#options.timeoutMs, () =>
      this.#failed.reject(this.#silence(method)),
    );
    this.#cleanUp.push(silent);
    const answer = await this.#ask(method, params);
    silent();
    return answer;
  }

  /** Milliseconds since the conversation began. */
  get elapsed(): number {
    return this.#clock.now() - this.#begin;
  }

  notify(method: string): void {
    this.#send({ method });
  }

  close(): void {
    this.#closed = true;
    for (const undo of this.#cleanUp.splice(0)) undo();
  }

  /** What a server said of itself, cut to what is kept; throws for capabilities that are too large. */
  describe(said: {
    readonly protocolVersion: string;
    readonly serverInfo: unknown;
    readonly capabilities: unknown;
  }): Omit<HandshakeReport, 'eras' | 'tools'> {
    const { protocolVersion, serverInfo, capabilities } = said;
    if (!isKeepable(capabilities)) throw this.failure('the capabilities of the server are too large');
    const info = isObject(serverInfo) ? serverInfo : {};
    return {
      protocolVersion: textOf(protocolVersion),
      serverInfo: { name: textOf(info.name), version: textOf(info.version) },
      capabilities: isObject(capabilities) ? capabilities : {},
      spawnMs: this.#process.spawnMs,
      handshakeMs: this.elapsed,
    };
  }

  /** The first page of tools; undefined when the server does not answer, or answers with an error. */
  async tools(params: Json): Promise<string[] | undefined> {
    const late = Promise.withResolvers<undefined>();
    this.#cleanUp.push(this.#clock.after(LIST_MS, () => late.resolve(undefined)));
    const result = (await Promise.race([this.#ask('tools/list', params), late.promise]))?.result;
    const tools = isObject(result) ? result.tools : undefined;
    if (!Array.isArray(tools)) return undefined;
    return tools.slice(0, MOST_TOOLS).map((tool: unknown) => (isObject(tool) ? textOf(tool.name) : ''));
  }

  /**
   * A whole list, page by page; undefined when the server does not answer in time or answers with an error. What is more than is kept is
   * left out.
   */
  async list(method: string, member: string, params: Json): Promise<Json[] | undefined> {
    const late = Promise.withResolvers<undefined>();
    this.#cleanUp.push(this.#clock.after(LIST_MS, () => late.resolve(undefined)));
    const entries: Json[] = [];
    let length = 0;
    let more: Json = {};
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await Promise.race([this.#ask(method, { ...params, ...more }), late.promise]);
      const { result } = answer ?? {};
      if (!isObject(result) || !Array.isArray(result[member])) return page === 0 ? undefined : entries;
      for (const entry of result[member].filter(isObject)) {
        length += JSON.stringify(entry).length;
        if (length > LIST_LENGTH || entries.length >= MOST_TOOLS) return entries;
        entries.push(entry);
      }
      if (typeof result.nextCursor !== 'string') break;
      more = { cursor: result.nextCursor };
    }
    return entries;
  }

  #ask(method: string, params: Json): Promise<Json> {
    const id = this.#nextId++;
    const answer = new Promise<Json>((resolve) => this.#answers.set(id, resolve));
    this.#send({ id, method, params });
    return Promise.race([answer, this.#failed.promise]);
  }

  #send(message: Json): void {
    this.#process.channel.send([Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }))]);
  }

  #handler(): ChannelHandler {
    return {
      message: (bytes) => this.#message(JSON.parse(bytes.toString('utf8'))),
      oversized: (id, _bytes, asks) => asks || this.#answers.get(Number(id))?.({}),
      noise: () => {},
      drain: () => {},
      end: () => this.#cleanUp.push(this.#clock.after(EXIT_MS, () => this.#fail())),
    };
  }

  #message(message: Json): void {
    const { id, method } = message;
    if (this.#closed) return;
    if (typeof method !== 'string') this.#answers.get(Number(id))?.(message);
    else if (id === undefined) return;
    else if (method === 'ping') this.#send({ id, result: {} });
    else if (method === 'roots/list') this.#send({ id, result: { roots: [] } });
    else this.#send({ id, error: { code: -32601, message: 'Method not found' } });
  }

  /** The process has exited, or will never say anything again. */
  #fail(): void {
    const { exit } = this.#process;
    const how = exit ? exitText(exit) : 'closed its output';
    const after = seconds(this.#clock.now() - this.#process.startedAt);
    const hint =
      exit?.code === 0
        ? { hint: 'The program ended at once without an error: is it an MCP server over stdio?' }
        : {};
    this.#failed.reject(this.failure(`failed in phase handshake, ${how} after ${after}`, hint));
  }

  #silence(method: string): BerthError {
    const after = seconds(this.#options.timeoutMs);
    const { noiseLines } = this.#process.channel.stats;
    const hint =
      noiseLines > 0
        ? `It wrote ${noiseLines === 1 ? '1 line' : `${noiseLines} lines`} to standard output that cannot be MCP messages: is it an MCP server over stdio?`
        : 'It may wait for something (a log-in, a network), or speak HTTP instead of stdio; raise the start time-out if it is only slow.';
    return this.failure(`failed in phase handshake, no answer to ${method} after ${after}`, { hint });
  }

  /** A server's own words, scrubbed. */
  words(text: unknown): string {
    return this.#process.scrub(typeof text === 'string' ? text.slice(0, 10_000) : '').slice(0, 500);
  }

  failure(message: string, more: { readonly hint?: string } = {}): BerthError {
    return new BerthError('start-failed', message, { ...this.#details(), ...more });
  }

  /** As {@link failure}, of an answer: `error` of it, if it has one. */
  refusal(message: string, error?: Json): BerthError {
    const said = error ? `: ${this.words(error.message)}` : '';
    // Something is broken inside of it, which may be otherwise the next time.
    const Failure = error?.code === INTERNAL_ERROR ? BerthError : RefusedError;
    return new Failure('start-failed', `${message}${said}`, this.#details());
  }

  #details(): ErrorDetails {
    const { exit } = this.#process;
    return {
      phase: 'handshake',
      ...(exit && exitDetails(exit)),
      stderr: this.#process.stderrTail(STDERR_LINES),
    };
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A server may send anything in the place of a text. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, TEXT_LENGTH) : '';
}

function isKeepable(capabilities: unknown): boolean {
  try {
    return (JSON.stringify(capabilities) ?? '').length <= CAPABILITIES_LENGTH;
  } catch {
    // Nested too deeply to be written.
    return false;
  }
}
