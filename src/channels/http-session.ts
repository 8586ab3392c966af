/** The session of one channel with a legacy server over HTTP: its id and revision, and all that it takes to get another one. */
import type { IncomingHttpHeaders } from 'node:http';
import { readString } from '../jsonrpc/envelope.ts';
import { remoteFailure } from './http-failure.ts';
import type { InboundMessage } from './inbound.ts';
import { isObject } from './json-exact.ts';
import type { Outgoing } from './outbox.ts';

/** Visible ASCII, as the protocol wants it. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;
const REVISION = /^[\x21-\x7e]{1,64}$/;
/** Subscriptions that are taken along into another session. */
const MOST_SUBSCRIPTIONS = 1_000;

export class HttpSession {
  #id: string | undefined;
  #revision: string | undefined;
  #initialize: Outgoing | undefined;
  #initialized: Outgoing | undefined;
  #logLevel: Outgoing | undefined;
  readonly #subscriptions = new Map<string, Outgoing>();

  get id(): string | undefined {
    return this.#id;
  }

  /** The revision that the server chose; undefined before its answer. */
  get revision(): string | undefined {
    return this.#revision;
  }

  /** A handshake has come through. */
  get isOpen(): boolean {
    return this.#initialized !== undefined;
  }

  headers(): Record<string, string> {
    return {
      ...(this.#revision !== undefined && { 'mcp-protocol-version': this.#revision }),
      ...(this.#id !== undefined && { 'mcp-session-id': this.#id }),
    };
  }

  /** The messages that make another session like this one, in order; none before the first handshake. */
  get handshake(): { readonly initialize: Outgoing; readonly initialized: Outgoing | undefined } | undefined {
    return this.#initialize && { initialize: this.#initialize, initialized: this.#initialized };
  }

  /** Requests whose effect would be lost with the session. */
  get requests(): readonly Outgoing[] {
    return [...(this.#logLevel ? [this.#logLevel] : []), ...this.#subscriptions.values()];
  }

  /** Remembers what a later session needs of a message that the server has taken. */
  remember(message: Outgoing): void {
    switch (message.envelope.method) {
      case 'initialize':
        this.#initialize = message;
        break;
      case 'notifications/initialized':
        this.#initialized = message;
        break;
      case 'logging/setLevel':
        this.#logLevel = message;
        break;
      case 'resources/subscribe':
        this.#subscribe(message);
        break;
      case 'resources/unsubscribe':
        this.#subscriptions.delete(uriOf(message));
        break;
    }
  }

  /** Takes the id that the answer to an `initialize` came with. Throws for one that could not be sent back. */
  opened(headers: IncomingHttpHeaders): void {
    const id = headers['mcp-session-id'];
    if (id === undefined) {
      this.#id = undefined;
      return;
    }
    if (typeof id !== 'string' || !SESSION_ID.test(id))
      throw remoteFailure(
        'the session id of the remote server is not visible ASCII',
        'Report it to those who run the server.',
      );
    this.#id = id;
  }

  /** Takes the revision of the answer to an `initialize`. False when an earlier session had another one. */
  agreed({ bytes, envelope }: InboundMessage): boolean {
    if (envelope.kind !== 'result') return false;
    const result: unknown = JSON.parse(bytes.toString('utf8', envelope.resultStart, envelope.resultEnd));
    const revision = isObject(result) ? result.protocolVersion : undefined;
    if (typeof revision !== 'string' || !REVISION.test(revision)) return false;
    if (this.#revision !== undefined && this.#revision !== revision) return false;
    this.#revision = revision;
    return true;
  }

  #subscribe(message: Outgoing): void {
    if (this.#subscriptions.size < MOST_SUBSCRIPTIONS) this.#subscriptions.set(uriOf(message), message);
  }
}

function uriOf({ bytes, envelope }: Outgoing): string {
  return envelope.uriStart < 0 ? '' : readString(bytes, envelope.uriStart, envelope.uriEnd);
}
