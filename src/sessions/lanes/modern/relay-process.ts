/**
 * The modern relay lane's side of one modern process: requests and answers pass byte for byte but for ids, progress tokens and
 * the ids of subscriptions, which several clients would otherwise share.
 */
import type { Cancel, Clock } from '../../../clock.ts';
import type { BerthError } from '../../../errors.ts';
import { applyEdits } from '../../../jsonrpc/edit.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import { membersOf } from '../../../jsonrpc/members.ts';
import { completedListen } from '../../completed-listen.ts';
import type { Exchange, Taker } from '../../exchange.ts';
import type { ClientMessage } from '../../message.ts';
import type { StopOptions } from '../../stop-options.ts';
import type { Upstream, UpstreamMember } from '../../upstream.ts';
import { levelOf, verbosity } from '../upgrade/logging.ts';
import { logLevelOf } from '../upgrade/requests.ts';
import { changeNotification, type ListenFilter, readFilter } from '../upgrade/subscription.ts';
import { OpenTasks } from './open-tasks.ts';
import { Restarts } from './restarts.ts';
import { MODERN_REVISION, type ModernRequest, type ServingProcess } from './serving.ts';
import { ToolHeaders } from './tool-headers.ts';

export interface RelayProcessOptions {
  /** Starts a process. */
  readonly open: (member: UpstreamMember) => Upstream;
  readonly clock: Clock;
}

/** A listen of a client, on whichever process there is. */
interface Listen {
  readonly message: ClientMessage;
  /** Our id of it on the present channel. */
  id: number;
  /** What the server acknowledged first, once it did: that is what the client listens to. A further acknowledgement is of a restart. */
  honoured: ListenFilter | undefined;
}

const LOG = 'notifications/message';
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
const ENVELOPE = `"_meta":{"io.modelcontextprotocol/protocolVersion":"${MODERN_REVISION}","io.modelcontextprotocol/clientCapabilities":{}}`;

export class RelayProcess implements ServingProcess, UpstreamMember, Taker {
  readonly #options: RelayProcessOptions;
  readonly #listens = new Map<Exchange, Listen>();
  readonly #byListen = new Map<number, Exchange>();
  /** Requests in flight that want log messages, with how many of them. */
  readonly #logging = new Map<Exchange, number>();
  readonly #tasks: OpenTasks;
  readonly #headers: ToolHeaders;
  readonly #restarts: Restarts;
  #upstream: Upstream | undefined;
  #stopped = false;

  constructor(options: RelayProcessOptions) {
    this.#options = options;
    this.#tasks = new OpenTasks(options.clock);
    this.#headers = new ToolHeaders((cursor, done) => this.#listTools(cursor, done), options.clock);
    this.#restarts = new Restarts(
      options.clock,
      () => this.#restart(),
      () => this.#complete(),
    );
  }

  get upstream(): Upstream | undefined {
    return this.#upstream;
  }

  get refusal(): BerthError | undefined {
    return this.#upstream?.failure ? undefined : this.#upstream?.refusal;
  }

  get inUse(): boolean {
    const calls = this.#upstream?.callsInFlight ?? 0;
    return this.#listens.size > 0 || calls > 0 || this.#tasks.open(this.#options.clock.now());
  }

  /** A task that this process said to run is asked about here and nowhere else. */
  hasTask(id: string, principal: string): boolean {
    return this.#tasks.has(id, principal);
  }

  hasTasks(principal: string): boolean {
    return this.#tasks.hasAny(principal, this.#options.clock.now());
  }

  endListens(): void {
    this.#restarts.stop();
    const open = [...this.#listens];
    this.#complete();
    for (const [, { id }] of open) this.#upstream?.abandon(id, 'the server was defined anew');
  }

  request(request: ModernRequest): void {
    const { exchange, message, modern } = request;
    exchange.taker = this;
    const upstream = this.#alive();
    if (exchange.method === 'subscriptions/listen') return this.#listen(request, upstream);
    if (exchange.method !== 'tools/call' || !modern.params) return this.#call(request, upstream);
    this.#headers.check(message, modern.params, (error) => {
      if (exchange.state === 'over') return;
      if (error) exchange.failed(error);
      else this.#call(request, this.#alive());
    });
  }

  cancel(exchange: Exchange, reason: string): void {
    const listen = this.#listens.get(exchange);
    // After the end of its process its id is another's, until it is asked for again.
    const isAsked = listen !== undefined && this.#byListen.get(listen.id) === exchange;
    if (isAsked) this.#byListen.delete(listen.id);
    this.#listens.delete(exchange);
    this.#logging.delete(exchange);
    const id = isAsked ? listen.id : exchange.upstreamId;
    if (id !== undefined) this.#upstream?.abandon(id, reason);
  }

  async stop(options: StopOptions = {}): Promise<void> {
    this.#stopped = true;
    this.#restarts.stop();
    this.#complete();
    await this.#upstream?.stop(options);
  }

  /** No modern server asks anything this way. */
  serverRequest(): void {}

  requestCancelled(): void {}

  fromServer(message: ClientMessage): void {
    const { bytes, envelope } = message;
    if (envelope.method === LOG) return this.#log(message);
    if (envelope.subscriptionStart < 0) return;
    const id = Number(bytes.toString('latin1', envelope.subscriptionStart, envelope.subscriptionEnd));
    const exchange = this.#byListen.get(id);
    const listen = exchange && this.#listens.get(exchange);
    if (!exchange || !listen) return;
    if (envelope.method === 'notifications/tools/list_changed') this.#headers.forget();
    if (envelope.method === 'notifications/subscriptions/acknowledged') {
      this.#restarts.started();
      if (listen.honoured) return this.#reportChanges(exchange, listen.honoured);
      listen.honoured = readFilter(message);
    }
    const { rawId } = exchange.round;
    exchange.notified(
      applyEdits(bytes, [{ start: envelope.subscriptionStart, end: envelope.subscriptionEnd, text: rawId }]),
    );
  }

  ended(): void {
    this.#upstream = undefined;
    this.#tasks.clear();
    this.#byListen.clear();
    this.#headers.forget();
    if (this.#listens.size > 0 && !this.#stopped) this.#restarts.died();
  }

  #alive(): Upstream {
    if (this.#upstream && !this.#upstream.failure) return this.#upstream;
    const upstream = this.#options.open(this);
    this.#upstream = upstream;
    upstream.join(this);
    if (this.#stopped) void upstream.stop();
    return upstream;
  }

  #call({ exchange, message, principal }: ModernRequest, upstream: Upstream): void {
    if (exchange.method === 'tools/call')
      exchange.onAnswer = (line, envelope) => this.#tasks.see(principal, line, envelope);
    const level = verbosity(logLevelOf(message));
    if (level < 0) {
      exchange.upstreamId = upstream.call(message, exchange);
      return;
    }
    this.#logging.set(exchange, level);
    const over = (): void => void this.#logging.delete(exchange);
    exchange.upstreamId = upstream.call(message, {
      rawToken: exchange.rawToken,
      answered: (line, envelope) => {
        over();
        exchange.answered(line, envelope);
      },
      progressed: (parts) => exchange.progressed(parts),
      said: (said) => {
        if (said.envelope.method !== LOG) return false;
        if (levelOf(said) >= level) exchange.notified([said.bytes]);
        return true;
      },
      failed: (error) => {
        over();
        exchange.failed(error);
      },
    });
  }

  #listen({ exchange, message, host }: ModernRequest, upstream: Upstream): void {
    host.untimed(exchange);
    const listen: Listen = { message, id: 0, honoured: undefined };
    this.#listens.set(exchange, listen);
    this.#send(exchange, listen, upstream);
  }

  #send(exchange: Exchange, listen: Listen, upstream: Upstream): void {
    const call = {
      rawToken: undefined,
      answered: (line: Buffer, envelope: Envelope) => {
        this.#drop(exchange, listen);
        exchange.finish(restored(line, envelope, exchange.round.rawId));
      },
      progressed: () => {},
      cancelled: () => {
        this.#drop(exchange, listen);
        exchange.finish([completedListen(exchange.round.rawId)]);
      },
      failed: (error: BerthError) => {
        // A listen outlives its process unless nothing was ever heard of it.
        if (listen.honoured && !this.#stopped) return;
        this.#drop(exchange, listen);
        exchange.failed(error);
      },
    };
    listen.id = upstream.call(listen.message, call);
    this.#byListen.set(listen.id, exchange);
  }

  #drop(exchange: Exchange, listen: Listen): void {
    this.#byListen.delete(listen.id);
    this.#listens.delete(exchange);
  }

  #restart(): void {
    if (this.#listens.size === 0 || this.#stopped) return;
    const upstream = this.#alive();
    for (const [exchange, listen] of this.#listens)
      if (this.#byListen.get(listen.id) !== exchange) this.#send(exchange, listen, upstream);
  }

  /** The process is another one: whatever was listened to may have changed meanwhile. */
  #reportChanges(exchange: Exchange, { resourceSubscriptions, ...flags }: ListenFilter): void {
    const { rawId } = exchange.round;
    for (const [flag, wanted] of Object.entries(flags)) {
      const group = flag.replace('ListChanged', '');
      if (wanted) exchange.notified([changeNotification(rawId, `notifications/${group}/list_changed`)]);
    }
    for (const uri of resourceSubscriptions)
      exchange.notified([changeNotification(rawId, 'notifications/resources/updated', uri)]);
  }

  #complete(): void {
    const open = [...this.#listens.keys()];
    this.#listens.clear();
    this.#byListen.clear();
    for (const exchange of open) exchange.finish([completedListen(exchange.round.rawId)]);
  }

  /** A log names no request: it is told to the only one that wants to hear, or to nobody. */
  #log(message: ClientMessage): void {
    if (this.#logging.size !== 1) return;
    for (const [exchange, level] of this.#logging)
      if (levelOf(message) >= level) exchange.notified([message.bytes]);
  }

  #listTools(
    cursor: string | undefined,
    done: (result: Record<string, unknown> | undefined) => void,
  ): Cancel | undefined {
    const upstream = this.#upstream;
    if (!upstream) return void done(undefined);
    const page = cursor === undefined ? '' : `"cursor":${JSON.stringify(cursor)},`;
    const id = upstream.request('tools/list', `{${page}${ENVELOPE}}`, {
      rawToken: undefined,
      answered: (line, { kind, resultStart, resultEnd }) =>
        done(kind === 'error' ? undefined : JSON.parse(line.toString('utf8', resultStart, resultEnd))),
      progressed: () => {},
      // Whoever waits may go on with a process that is started now: the end of this one must be known first.
      failed: () => queueMicrotask(() => done(undefined)),
    });
    return () => upstream.abandon(id);
  }
}

/** The end of a listen under the client's own id, in both places where it stands. */
function restored(line: Buffer, envelope: Envelope, rawId: string): Buffer[] {
  const edits = [{ start: envelope.idStart, end: envelope.idEnd, text: rawId }];
  const meta = membersOf(line, envelope.resultStart).find(({ name }) => name === '_meta');
  const subscription = meta && membersOf(line, meta.valueStart).find(({ name }) => name === SUBSCRIPTION_ID);
  if (subscription) edits.push({ start: subscription.valueStart, end: subscription.end, text: rawId });
  return applyEdits(
    line,
    edits.sort((a, b) => a.start - b.start),
  );
}
