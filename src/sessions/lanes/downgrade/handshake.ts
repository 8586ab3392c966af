/** A legacy client's `initialize`: the server is asked what it offers, and the answer is put in the client's terms. */
import { BerthError } from '../../../errors.ts';
import { applyEdits, inOrder, ownMemory } from '../../../jsonrpc/edit.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import type { Exchange } from '../../exchange.ts';
import { errorMessage } from '../../message.ts';
import type { Upstream, UpstreamCall } from '../../upstream.ts';
import { MODERN_REVISION } from '../modern/serving.ts';
import { type InitializeAnswer, initializeEdits, type Offered, readOffered } from './discovery.ts';
import { errorText } from './error.ts';
import { readResult } from './result.ts';

export interface HandshakeOptions {
  readonly upstream: Upstream;
  /** Members of `_meta`, as JSON text without braces. */
  readonly envelope: string;
  readonly answer: InitializeAnswer;
  /** Called once, before the client is answered. */
  readonly settled: (outcome: Offered | 'refused' | 'cancelled') => void;
}

const UNSUPPORTED_VERSION = -32022;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;

export class Handshake implements UpstreamCall {
  readonly rawToken = undefined;
  readonly #exchange: Exchange;
  readonly #options: HandshakeOptions;
  #id: number | undefined;
  #again = false;

  constructor(exchange: Exchange, options: HandshakeOptions) {
    this.#exchange = exchange;
    this.#options = options;
  }

  start(): void {
    const { upstream, envelope } = this.#options;
    this.#id = upstream.request('server/discover', `{"_meta":{${envelope}}}`, this);
  }

  answered(line: Buffer, envelope: Envelope): void {
    if (envelope.kind === 'error') return this.#refused(line, envelope);
    const result = readResult(line, envelope);
    if (!result) return this.failed(unreadable());
    const id = { start: envelope.idStart, end: envelope.idEnd, text: this.#exchange.round.rawId };
    const edits = inOrder([id, ...initializeEdits(result, this.#options.answer)]);
    this.#options.settled(readOffered(result));
    // This answer is kept while the session is idle: as a slice it would hold a whole pool of Node's for a minute.
    this.#exchange.finish([ownMemory(applyEdits(line, edits))]);
  }

  progressed(): void {}

  failed(error: BerthError): void {
    this.#options.settled('refused');
    this.#exchange.failed(error);
  }

  cancel(reason: string): void {
    if (this.#id !== undefined) this.#options.upstream.abandon(this.#id, reason);
    this.#options.settled('cancelled');
  }

  /** The words of the server pass where a legacy client can understand them. */
  #refused(line: Buffer, envelope: Envelope): void {
    const { rawId } = this.#exchange.round;
    const error = JSON.parse(errorText(line) ?? '{}') as ServerError | null;
    if (error?.code === UNSUPPORTED_VERSION && !this.#again && isNamed(error)) {
      this.#again = true;
      return this.start();
    }
    if (error?.code === METHOD_NOT_FOUND) return this.failed(otherEra());
    this.#options.settled('refused');
    this.#exchange.unsuccessful = true;
    const id = { start: envelope.idStart, end: envelope.idEnd, text: rawId };
    // Berth speaks one modern revision: where the server names it, it was asked once more, and among others there is none to try.
    if (error?.code === UNSUPPORTED_VERSION)
      this.#exchange.finish([unsupportedVersion(rawId, error, this.#options.answer.revision)]);
    else this.#exchange.finish(applyEdits(line, [id]));
  }
}

interface ServerError {
  readonly code?: unknown;
  readonly data?: { readonly supported?: unknown } | null;
}

/** Some servers refuse what they then say to support, as one that has not made up its mind yet. */
function isNamed({ data }: ServerError): boolean {
  return Array.isArray(data?.supported) && data.supported.includes(MODERN_REVISION);
}

function unsupportedVersion(id: string, { data }: ServerError, requested: string): Buffer {
  const named = Array.isArray(data?.supported) ? data.supported : [];
  const supported = named.filter((revision) => typeof revision === 'string');
  const message = `the server does not speak revision ${MODERN_REVISION}`;
  return errorMessage(id, { code: INVALID_PARAMS, message, data: { supported, requested } });
}

function otherEra(): BerthError {
  return new BerthError('start-failed', 'the server does not know server/discover', {
    phase: 'handshake',
    hint: 'The server speaks another era than is known of it: have its eras probed again.',
  });
}

function unreadable(): BerthError {
  return new BerthError('start-failed', 'the answer to server/discover cannot be read', {
    phase: 'handshake',
  });
}
