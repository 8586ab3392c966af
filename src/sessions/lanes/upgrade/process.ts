/**
 * The upgrade lane's side of one legacy process: Berth's own handshake in the place of modern clients that declared the same,
 * their calls, what the server asks during them, and what it says unasked.
 */
import type { Cancel, Clock } from '../../../clock.ts';
import { BerthError, toBerthError } from '../../../errors.ts';
import { type ClientMessage, resultMessage } from '../../message.ts';
import type { StopOptions } from '../../stop-options.ts';
import type { ServerRequest, Upstream, UpstreamMember } from '../../upstream.ts';
import { Restarts } from '../modern/restarts.ts';
import type { ModernRequest, ServingProcess } from '../modern/serving.ts';
import { ToolHeaders } from '../modern/tool-headers.ts';
import { ASKABLE, type Asked, toAsked } from './asking.ts';
import { type CallProcess, UpgradeCall } from './call.ts';
import { discoverResult, type LegacyServer, offers, shakeHands } from './legacy-server.ts';
import { Listens } from './listens.ts';
import { ServerLevel, verbosity } from './logging.ts';
import { isRemoved, toLegacyRequest } from './requests.ts';
import { ResourceSubscriptions } from './subscriptions.ts';
import { type Interactive, Turns } from './turns.ts';

export interface UpgradeOptions {
  /** Starts a process. */
  readonly open: (member: UpstreamMember) => Upstream;
  readonly clock: Clock;
  /** For the handshake, JSON text. */
  readonly capabilities: string;
  readonly clientInfo?: string | undefined;
  /** Milliseconds in which a process must answer the handshake. */
  readonly startTimeout: number;
  readonly interactive: Interactive;
}

/** A process from its start to its end. */
interface Life {
  readonly upstream: Upstream;
  readonly ready: Promise<LegacyServer>;
  readonly level: ServerLevel;
  /** Once the handshake is done. */
  server: LegacyServer | undefined;
  calls: CallProcess | undefined;
  /** A question for the roots that came while no call ran: the next call that may ask asks it. */
  heldRoots: ServerRequest | undefined;
  /** The roots that a client gave for it, raw. */
  roots: string | undefined;
}

export class UpgradeProcess implements ServingProcess, UpstreamMember {
  readonly #options: UpgradeOptions;
  readonly #declared: Readonly<Record<string, unknown>>;
  readonly #calls = new Set<UpgradeCall>();
  readonly #turns: Turns<UpgradeCall>;
  readonly #listens: Listens;
  readonly #subscriptions = new ResourceSubscriptions();
  readonly #headers: ToolHeaders;
  readonly #restarts: Restarts;
  #life: Life | undefined;
  /** Calls whose headers are being checked. */
  #checking = 0;
  #stopped = false;

  constructor(options: UpgradeOptions) {
    this.#options = options;
    this.#declared = JSON.parse(options.capabilities) as Record<string, unknown>;
    this.#turns = new Turns(options.interactive);
    this.#listens = new Listens((uri, wanted, done) => {
      const upstream = this.#life?.upstream;
      if (upstream) this.#subscriptions.change(upstream, uri, wanted, done);
      else done(false);
    });
    this.#headers = new ToolHeaders((cursor, done) => this.#listTools(cursor, done), options.clock);
    this.#restarts = new Restarts(
      options.clock,
      () => this.#restart(),
      () => this.#listens.complete(),
    );
  }

  get upstream(): Upstream | undefined {
    return this.#life?.upstream;
  }

  get refusal(): BerthError | undefined {
    const upstream = this.#life?.upstream;
    return upstream?.failure ? undefined : upstream?.refusal;
  }

  get inUse(): boolean {
    const starting = this.#life !== undefined && this.#life.server === undefined;
    return this.#calls.size > 0 || this.#listens.size > 0 || this.#checking > 0 || starting;
  }

  request(request: ModernRequest): void {
    const { exchange } = request;
    const life = this.#alive();
    if (life.server) return this.#serve(request, life, life.server);
    life.ready.then(
      (server) => exchange.state === 'running' && this.#serve(request, life, server),
      (error: unknown) => exchange.failed(toBerthError(error)),
    );
  }

  endListens(): void {
    this.#restarts.stop();
    this.#listens.complete();
  }

  async stop(options: StopOptions = {}): Promise<void> {
    this.#stopped = true;
    this.#restarts.stop();
    this.#listens.complete();
    await this.#life?.upstream.stop(options);
  }

  serverRequest(request: ServerRequest): void {
    const { method } = request.message.envelope;
    const life = this.#life;
    if (!life) return;
    if (method === 'ping') return void life.upstream.reply(request.id, '"result":{}', this);
    if (!ASKABLE.has(method)) return this.#decline(life, request, -32601, `no client knows ${method}`);
    const calls = this.#whoAsks();
    const [call] = calls;
    if (call && calls.length === 1) return call.ask(this.#asked(request, call));
    if (call) {
      // From now on calls that may ask run one at a time, so that the next question has one owner.
      this.#options.interactive.value = true;
      return this.#decline(
        life,
        request,
        -32603,
        'several calls run, and nobody can tell which of them asks',
      );
    }
    this.#askedByNobody(life, request);
  }

  requestCancelled(id: number): void {
    if (this.#life?.heldRoots?.id === id) this.#life.heldRoots = undefined;
    for (const call of this.#calls) call.takeBack(id);
  }

  fromServer(message: ClientMessage): void {
    const { method } = message.envelope;
    if (method === 'notifications/message') this.#log(message);
    else if (method === 'notifications/resources/updated') this.#listens.updated(message);
    else if (method.endsWith('/list_changed')) {
      if (method === 'notifications/tools/list_changed') this.#headers.forget();
      this.#listens.changed(message);
    }
  }

  ended(error: BerthError): void {
    this.#life = undefined;
    this.#headers.forget();
    this.#subscriptions.clear();
    this.#listens.unsubscribed();
    // Those that had nothing on the channel, as they waited for their turn or for their client.
    for (const call of [...this.#calls]) call.failed(error);
    if (this.#listens.size > 0 && !this.#stopped) this.#restarts.died();
  }

  #alive(): Life {
    if (this.#life && !this.#life.upstream.failure) return this.#life;
    const upstream = this.#options.open(this);
    upstream.join(this);
    const ready = shakeHands(upstream, this.#options);
    const level = new ServerLevel();
    const life: Life = {
      upstream,
      ready,
      level,
      server: undefined,
      calls: undefined,
      heldRoots: undefined,
      roots: undefined,
    };
    this.#life = life;
    ready.then(
      (server) => this.#ready(life, server),
      // One that refuses the handshake serves nobody; the next request tries a fresh one.
      () => void upstream.stop(),
    );
    if (this.#stopped) void upstream.stop();
    return life;
  }

  #ready(life: Life, server: LegacyServer): void {
    life.server = server;
    life.calls = {
      clock: this.#options.clock,
      upstream: life.upstream,
      member: this,
      serverInfo: server.serverInfo,
      declared: this.#declared,
      turns: this.#turns,
      answeredOutside: (asked, raw) => {
        if (asked.id !== life.heldRoots?.id) return;
        life.roots = raw;
        life.heldRoots = undefined;
      },
      left: (call) => this.#calls.delete(call),
    };
    this.#restarts.started();
  }

  #restart(): void {
    if (this.#listens.size === 0 || this.#stopped) return;
    this.#alive().ready.then(
      () => this.#listens.restarted(),
      () => {},
    );
  }

  #serve(request: ModernRequest, life: Life, server: LegacyServer): void {
    const { exchange, message, modern } = request;
    const { method } = exchange;
    if (method === 'server/discover')
      return exchange.finish([resultMessage(exchange.round.rawId, discoverResult(server))]);
    if (method === 'subscriptions/listen') return this.#listens.open(request, server);
    if (isRemoved(method))
      return exchange.failed(new BerthError('unknown-method', `${method} is not offered`));
    if (method !== 'tools/call' || !modern.params || !offers(server, 'tools'))
      return this.#call(request, life);
    this.#checking++;
    this.#headers.check(message, modern.params, (error) => {
      this.#checking--;
      if (exchange.state === 'over') return;
      if (error) exchange.failed(error);
      else this.#call(request, life);
    });
  }

  #call(request: ModernRequest, life: Life): void {
    const { message } = request;
    if (!life.calls) return;
    const legacy = toLegacyRequest(message);
    const { logLevel } = legacy;
    if (logLevel !== undefined && offers(life.server as LegacyServer, 'logging'))
      life.level.want(life.upstream, verbosity(logLevel));
    const call = new UpgradeCall(life.calls, request, legacy);
    this.#calls.add(call);
    if (call.mayAsk && life.heldRoots) call.startByAsking(this.#asked(life.heldRoots, call));
    else call.start();
  }

  /** The calls that a question may belong to: those that run; where none does, those that wait. */
  #whoAsks(): UpgradeCall[] {
    const running = [...this.#turns.running].filter((call) => call.isRunning);
    return running.length > 0 ? running : [...this.#calls].filter((call) => call.isParked);
  }

  #asked({ id, message }: ServerRequest, call: UpgradeCall): Asked {
    return toAsked(message, id, (key) => call.hasAsked(key));
  }

  #askedByNobody(life: Life, request: ServerRequest): void {
    const forRoots = request.message.envelope.method === 'roots/list' && this.#declared.roots !== undefined;
    if (forRoots && life.roots !== undefined) life.upstream.reply(request.id, `"result":${life.roots}`, this);
    else if (forRoots && !life.heldRoots) life.heldRoots = request;
    else this.#decline(life, request, -32603, 'no call runs whose client could be asked');
  }

  #decline({ upstream }: Life, { id }: ServerRequest, code: number, message: string): void {
    upstream.reply(id, `"error":${JSON.stringify({ code, message })}`, this);
  }

  /** A log names no call: it is told to the only one that wants to hear, or to nobody. */
  #log(message: ClientMessage): void {
    const listening = [...this.#calls].filter((call) => call.logLevel !== undefined && call.waiting.size > 0);
    const [call] = listening;
    if (listening.length === 1) call?.log(message);
  }

  #listTools(
    cursor: string | undefined,
    done: (result: Record<string, unknown> | undefined) => void,
  ): Cancel | undefined {
    const upstream = this.#life?.upstream;
    if (!upstream) return void done(undefined);
    const id = upstream.request('tools/list', cursor === undefined ? '{}' : JSON.stringify({ cursor }), {
      rawToken: undefined,
      answered: (line, { kind, resultStart, resultEnd }) =>
        done(kind === 'error' ? undefined : JSON.parse(line.toString('utf8', resultStart, resultEnd))),
      progressed: () => {},
      failed: () => done(undefined),
    });
    return () => upstream.abandon(id);
  }
}
