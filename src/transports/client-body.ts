/** Reading what a client posted: the body within its limit, then its messages. */
import type { IncomingMessage } from 'node:http';
import { BerthError } from '../errors.ts';
import { ChunkList } from '../jsonrpc/chunk-list.ts';
import { isBatch, scanClientMessage, splitBatch } from '../jsonrpc/envelope.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { OpenBody } from './body-budget.ts';
import type { DataPlane, TransportLimits } from './context.ts';
import { faultError } from './rpc-error.ts';

export interface ClientBody {
  readonly messages: readonly ClientMessage[];
  readonly batch: boolean;
  /** How many of the messages want an answer. */
  readonly requests: number;
  /** One of them carries the modern era's envelope. */
  readonly modern: boolean;
}

/** A body that could not be taken, with the id that its refusal can answer. */
export class BodyError extends Error {
  readonly error: BerthError;
  readonly id: string | undefined;

  constructor(error: BerthError, id?: string) {
    super(error.message);
    this.error = error;
    this.id = id;
  }
}

/** Bytes of one body, and of all that are coming in. */
export interface BodyBounds extends Pick<DataPlane, 'bodies'> {
  readonly limits: Pick<TransportLimits, 'messageBytes'>;
}

/**
 * Calls `done` with the whole body, with `too-large` once it passes its limit, or with `busy` when there is no room for it beside
 * all the others. Nothing is called when the client leaves before.
 */
export function readBody(
  request: IncomingMessage,
  { limits: { messageBytes: most }, bodies }: BodyBounds,
  done: (error: BerthError | undefined, body: Buffer) => void,
): void {
  const parts = new ChunkList();
  const length = Number(request.headers['content-length']);
  let open: OpenBody | undefined;
  const refuse = (error: BerthError): void => {
    request.removeAllListeners('data');
    request.removeAllListeners('end');
    open?.close();
    // The rest is read and dropped, so that the client sees the answer rather than a reset.
    request.resume();
    done(error, Buffer.alloc(0));
  };
  const tooLarge = (): BerthError => new BerthError('too-large', `the body is larger than ${most} bytes`);
  if (length > most) return refuse(tooLarge());
  request.on('data', (chunk: Buffer) => {
    if (parts.size + chunk.length > most) return refuse(tooLarge());
    parts.add(chunk);
    // Most bodies are whole with their first chunk and handed on in the same turn.
    if (parts.size === length) return;
    open ??= bodies.open(request);
    if (!open.grow(parts.size))
      refuse(new BerthError('busy', 'too many large bodies are coming in just now'));
  });
  request.on('end', () => {
    open?.close();
    done(undefined, parts.take());
  });
}

/** The messages of a body; throws {@link BodyError}. */
export function parseBody(body: Buffer, limits: TransportLimits): ClientBody {
  if (!isBatch(body)) {
    const message = parseMessage(body, limits);
    const { kind, modern } = message.envelope;
    return { messages: [message], batch: false, requests: kind === 'request' ? 1 : 0, modern };
  }
  const split = splitBatch(body, limits, limits.batch);
  if ('fault' in split) throw new BodyError(faultError(split.fault));
  const messages = split.ranges.map(([from, to]) => parseMessage(body.subarray(from, to), limits));
  return {
    messages,
    batch: true,
    requests: messages.filter(({ envelope }) => envelope.kind === 'request').length,
    modern: messages.some(({ envelope }) => envelope.modern),
  };
}

/** One message; throws {@link BodyError}. */
export function parseMessage(bytes: Buffer, limits: TransportLimits): ClientMessage {
  const scanned = scanClientMessage(bytes, limits);
  if (scanned.fault) throw new BodyError(faultError(scanned.fault), scanned.fault.id);
  return { bytes, envelope: scanned.envelope };
}

/** Raw id of a request; `null` for anything else. */
export function idOf({ bytes, envelope }: ClientMessage): string {
  return envelope.kind === 'request' ? bytes.toString('utf8', envelope.idStart, envelope.idEnd) : 'null';
}
