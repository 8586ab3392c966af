/**
 * Streams that stay open and calls at a steady rate while gateways are replaced behind one address, by a client that does what the
 * rules of HTTP say and no more: a call is sent once, and a stream that ends is opened again.
 */
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  answerFault,
  callBody,
  INITIALIZE,
  INITIALIZED,
  nextId,
  PROTOCOL_VERSION,
  type Target,
} from './clients/session.ts';
import type { RolloutJob, RolloutReport } from './job.ts';
import { quantile } from './stats.ts';

/** Openings that are under way at one time. */
const AT_A_TIME = 16;
/** Sessions that the calls go over in turn. */
const CALLERS = 20;
const BEAT_MS = 10;
const ANSWER_MS = 30_000;
/** After a stream's end, until it is opened again: spread, as clients are. */
const REOPEN_MS = 1_000;
const TEXT = 'x'.repeat(64);

export interface Rollout {
  /** Streams that are open. */
  readonly streams: number;
  /** Ends the calls, and says what has happened. */
  finish(): Promise<RolloutReport>;
}

/** Opens all streams, then calls until it is told to finish. */
export async function openRollout({ target, streams, perSecond }: RolloutJob): Promise<Rollout> {
  const client = new Client(target);
  const held = new Streams(client);
  await eachOf(streams, () => held.open());
  const callers: string[] = [];
  await eachOf(CALLERS, async () => void callers.push(await client.initialize()));
  const calls = new Calls(client, callers, perSecond);
  return {
    streams: held.count,
    finish: async () => {
      const report = { ...(await calls.end()), ...held.end() };
      client.close();
      return report;
    },
  };
}

class Client {
  readonly #target: Target;
  /** One for calls and streams: a stream that ends comes back on whatever connection is there. */
  readonly #agent = new Agent({ keepAlive: true });

  constructor(target: Target) {
    this.#target = target;
  }

  /** The id of a new session. */
  async initialize(): Promise<string> {
    const id = nextId();
    const first = await this.#post(`${INITIALIZE.before}${id}${INITIALIZE.after}`);
    const { 'mcp-session-id': session } = first.headers;
    if (first.status !== 200 || typeof session !== 'string')
      throw new Error(`initialize: status ${first.status}: ${first.text.slice(0, 200)}`);
    const second = await this.#post(INITIALIZED, session);
    if (second.status !== 202) throw new Error(`initialized: status ${second.status}`);
    return session;
  }

  /** Rejects unless the answer is the call's own. */
  async call(session: string): Promise<void> {
    const id = nextId();
    const body = callBody('echo', { text: TEXT }, TEXT.length);
    const { status, text } = await this.#post(`${body.before}${id}${body.after}`, session);
    if (status !== 200) throw new Error(`status ${status}: ${text.slice(0, 200)}`);
    const fault = answerFault(Buffer.from(text), id, body);
    if (fault) throw fault;
  }

  /** The session's own stream, once its head has come. */
  async stream(session: string): Promise<IncomingMessage> {
    const options = { method: 'GET', agent: this.#agent, headers: { accept: 'text/event-stream' } };
    const response = await this.#send(options, session);
    if (response.statusCode === 200) return response;
    throw new Error(`stream: status ${response.statusCode}: ${(await readAll(response)).slice(0, 200)}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #post(body: string, session?: string) {
    const headers = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const options = { method: 'POST', agent: this.#agent, headers, timeout: ANSWER_MS };
    const response = await this.#send(options, session, body);
    return { status: response.statusCode, headers: response.headers, text: await readAll(response) };
  }

  #send(options: RequestOptions, session?: string, body?: string): Promise<IncomingMessage> {
    const { address = '127.0.0.1', port, path, host, key } = this.#target;
    const headers = {
      ...(options.headers as Record<string, string>),
      host: host ?? `${address}:${port}`,
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(session !== undefined && {
        'mcp-session-id': session,
        'mcp-protocol-version': PROTOCOL_VERSION,
      }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request({ ...options, host: address, port, path, headers }, resolve);
    sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer')));
    sent.end(body);
    return promise;
  }
}

/** Streams that are opened again whenever they end. */
class Streams {
  readonly #client: Client;
  readonly #ends: number[] = [];
  #open = 0;
  #cut = 0;
  #refused = 0;
  #going = true;
  #firstError: string | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  get count(): number {
    return this.#open;
  }

  async open(): Promise<void> {
    const session = await this.#client.initialize();
    this.#hold(session, await this.#client.stream(session));
  }

  /** What became of them; they may be cut from now on. */
  end(): Pick<
    RolloutReport,
    'streamsOpen' | 'streamsCut' | 'streamsRefused' | 'streamEnds' | 'firstStreamError'
  > {
    this.#going = false;
    const first = this.#firstError;
    return {
      streamsOpen: this.#open,
      streamsCut: this.#cut,
      streamsRefused: this.#refused,
      streamEnds: this.#ends,
      ...(first !== undefined && { firstStreamError: first }),
    };
  }

  #hold(session: string, stream: IncomingMessage): void {
    this.#open += 1;
    stream.resume();
    stream.on('error', () => {});
    stream.once('close', () => {
      if (!this.#going) return;
      this.#open -= 1;
      this.#ends.push(Math.round(performance.now()));
      // The last chunk has come, or the connection broke before it.
      if (!stream.complete) this.#cut += 1;
      void this.#again(session);
    });
  }

  async #again(session: string): Promise<void> {
    while (this.#going) {
      await sleep(Math.random() * REOPEN_MS);
      try {
        this.#hold(session, await this.#client.stream(session));
        return;
      } catch (thrown) {
        this.#refused += 1;
        this.#firstError ??= String(thrown);
      }
    }
  }
}

/** So many calls a second, however long their answers take. */
class Calls {
  readonly #client: Client;
  readonly #sessions: readonly string[];
  readonly #perSecond: number;
  readonly #latencies: number[] = [];
  readonly #failures: string[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #began = performance.now();
  #sent = 0;

  constructor(client: Client, sessions: readonly string[], perSecond: number) {
    this.#client = client;
    this.#sessions = sessions;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  async end(): Promise<
    Pick<
      RolloutReport,
      'calls' | 'answered' | 'seconds' | 'failed' | 'p50' | 'p99' | 'slowest' | 'firstError'
    >
  > {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#began) / 1_000;
    await Promise.all(this.#pending);
    const [first] = this.#failures;
    const sorted = this.#latencies.sort((a, b) => a - b);
    return {
      ...{ calls: this.#sent, answered: sorted.length, seconds, failed: this.#failures.length },
      ...{ p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), slowest: quantile(sorted, 1) },
      ...(first !== undefined && { firstError: first }),
    };
  }

  #beat(): void {
    const due = ((performance.now() - this.#began) / 1_000) * this.#perSecond;
    for (; this.#sent < due; this.#sent += 1) {
      const call = this.#call(this.#sessions[this.#sent % this.#sessions.length] ?? '');
      this.#pending.add(call);
      void call.finally(() => this.#pending.delete(call));
    }
  }

  async #call(session: string): Promise<void> {
    const sent = performance.now();
    try {
      await this.#client.call(session);
      this.#latencies.push(performance.now() - sent);
    } catch (thrown) {
      this.#failures.push(String(thrown));
    }
  }
}

async function eachOf(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}
