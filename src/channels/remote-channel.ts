/** What the two channels over HTTP share: their traffic, messages counted in both directions, and one way to end. */
import { systemClock } from '../clock.ts';
import { scanMessage } from '../jsonrpc/envelope.ts';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from './channel.ts';
import type { HttpOptions } from './http-options.ts';
import { HttpTraffic } from './http-traffic.ts';
import { Inbound } from './inbound.ts';
import { Outbox, type Outgoing } from './outbox.ts';

/** Milliseconds that a close waits for what is still being sent. */
export const CLOSE_MS = 2_000;

export abstract class RemoteChannel implements Channel {
  protected readonly options: HttpOptions;
  protected readonly traffic: HttpTraffic;
  protected readonly inbound = new Inbound();
  protected readonly outbox: Outbox;
  #closing: Promise<void> | undefined;
  #ended = false;

  constructor(options: HttpOptions) {
    this.options = options;
    const { endpoint, maxLineBytes, clock = systemClock, scrub = (text) => text } = options;
    this.traffic = new HttpTraffic({ endpoint, clock, maxBytes: maxLineBytes, scrub });
    this.outbox = new Outbox({
      send: (message, taken) => this.carry(message, taken),
      drain: () => this.inbound.handler?.drain(),
    });
  }

  abstract start(handler: ChannelHandler): void;

  /** Takes one message to the server; calls `taken` when it has left, and resolves when nothing is to be done for it any more. */
  protected abstract carry(message: Outgoing, taken: () => void): Promise<void>;

  /** What a close does before the channel ends; bounded in time. */
  protected abstract leave(): Promise<void>;

  /** What must be let go of at the end, whatever its reason. */
  protected abstract release(): void;

  get stats(): ChannelStats {
    return this.inbound.stats;
  }

  get queued(): number {
    return this.outbox.queued;
  }

  protected get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  protected get isEnded(): boolean {
    return this.#ended;
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#ended || this.#closing) return true;
    const bytes = Buffer.concat(parts);
    const { envelope } = scanMessage(bytes);
    // What is no message could not be answered: nobody but the sessions sends, and they send none.
    if (!envelope) return true;
    this.inbound.messagesOut++;
    this.inbound.bytesOut += bytes.length;
    return this.outbox.add({ bytes, envelope });
  }

  pause(): void {
    this.traffic.pause();
  }

  resume(): void {
    this.traffic.resume();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Only the first end counts. */
  protected end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.release();
    this.traffic.end();
    this.options.onEnd?.();
    this.inbound.handler?.end(this.#closing ? { reason: 'closed' } : end);
  }

  async #close(): Promise<void> {
    if (this.#ended) return;
    await this.leave();
    this.end({ reason: 'closed' });
  }
}
