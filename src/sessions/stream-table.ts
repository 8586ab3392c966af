/** The streams of a session's requests: by number, by exchange key, and by the client's ids that they answer. */
import { crc32 } from 'node:zlib';
import { BerthError } from '../errors.ts';
import { idKey } from '../jsonrpc/id.ts';
import { EventStream, type StreamOwner } from './event-stream.ts';
import type { Exchange, Round } from './exchange.ts';
import { type ClientMessage, rawId } from './message.ts';
import { UnreadEvents } from './unread-events.ts';

export interface StreamEntry {
  readonly stream: EventStream;
  readonly key: string;
  /** Comparable ids of the requests that it answers. */
  readonly ids: string[];
  /** Calls that have not ended. */
  open: number;
}

/** What a client's id stands for. */
export interface KnownId {
  readonly exchange: Exchange;
  /** The round that was asked for under this id; the exchange may be further by now. */
  readonly round: Round;
}

/** Streams of clients without a session: no two have one number, as a gateway may come back for one after its server was replaced. */
let lastShared = 0;

export class StreamTable {
  readonly #ownIds: boolean;
  readonly #streams = new Map<number, StreamEntry>();
  readonly #byKey = new Map<string, StreamEntry>();
  readonly #byId = new Map<string, KnownId>();
  /** Of all of them, the standalone one too. */
  readonly #unread = new UnreadEvents();

  #next = 1;

  /** `ownIds`: the ids are those of one client, which can come back for its streams. */
  constructor(ownIds: boolean) {
    this.#ownIds = ownIds;
  }

  get entries(): Iterable<StreamEntry> {
    return this.#streams.values();
  }

  get(stream: number): StreamEntry | undefined {
    return this.#streams.get(stream);
  }

  byKey(key: string): StreamEntry | undefined {
    return this.#byKey.get(key);
  }

  /** What a client's id means: in flight, or with its answer still kept. */
  byId(key: string): KnownId | undefined {
    return this.#byId.get(key);
  }

  /** The session's own stream, which is none of a request and not among {@link entries}. */
  standalone(owner: StreamOwner, id: number): EventStream {
    return new EventStream(id, { owner, keepsAnswers: false, unread: this.#unread });
  }

  open(owner: StreamOwner, key: string): StreamEntry {
    const id = this.#ownIds ? this.#next++ : ++lastShared;
    const stream = new EventStream(id, { owner, keepsAnswers: this.#ownIds, unread: this.#unread });
    const entry: StreamEntry = { stream, key, ids: [], open: 0 };
    this.#streams.set(stream.id, entry);
    this.#byKey.set(key, entry);
    return entry;
  }

  /** Remembers the id of a round; `entry` is absent for the standalone stream. */
  take(exchange: Exchange, round: Round, entry?: StreamEntry): void {
    this.#byId.set(round.idKey, { exchange, round });
    entry?.ids.push(round.idKey);
  }

  /** The id may be used again. */
  release(round: Round): void {
    if (this.#byId.get(round.idKey)?.round === round) this.#byId.delete(round.idKey);
  }

  forget(stream: EventStream): void {
    const entry = this.#streams.get(stream.id);
    if (!entry) return;
    this.#streams.delete(stream.id);
    this.#byKey.delete(entry.key);
    for (const id of entry.ids) if (this.#byId.get(id)?.round.stream === stream) this.#byId.delete(id);
    stream.forget();
  }

  /** data-path.md 2.3: the stream of the same request sent before, an error for an id that is taken, undefined for something new. */
  findRepeated(messages: readonly ClientMessage[]): EventStream | BerthError | undefined {
    if (this.#byId.size === 0) return undefined;
    const requests = messages.filter(({ envelope }) => envelope.kind === 'request');
    const known = requests.map((message) => this.#byId.get(idKey(rawId(message)))?.round);
    const at = known.findIndex((round) => round !== undefined);
    const [taken, stream] = [requests[at], known[at]?.stream];
    if (!taken || !stream) return undefined;
    // All or nothing: a batch that repeats some of another one's requests is not that batch.
    const same =
      this.#streams.get(stream.id)?.ids.length === requests.length &&
      requests.every(
        (message, index) => known[index]?.stream === stream && this.#isRepeat(known[index], message),
      );
    return same ? stream : idTaken(taken);
  }

  /** Nobody reads the answer of the first, and the bytes are the same. */
  #isRepeat(known: Round, message: ClientMessage): boolean {
    const resumable = this.#streams.has(known.stream.id) && known.stream.reader === undefined;
    return resumable && known.digest === digestOf(message.bytes);
  }
}

/** What a request is known by while `stream` is where its answer comes. */
export function roundOf(message: ClientMessage, stream: EventStream): Round {
  const raw = rawId(message);
  return { rawId: raw, idKey: idKey(raw), digest: digestOf(message.bytes), stream };
}

/** What a request whose id is in use is refused with. */
export function idTaken(message: ClientMessage): BerthError {
  return new BerthError('invalid-request', `the id ${rawId(message)} is already in use`, {
    hint: 'Give every request of a session an id of its own.',
  });
}

/** The first request of a batch whose id another one of it has. */
export function doubledId(messages: readonly ClientMessage[]): ClientMessage | undefined {
  const seen = new Set<string>();
  return messages.find((message) => {
    if (message.envelope.kind !== 'request') return false;
    const key = idKey(rawId(message));
    if (seen.has(key)) return true;
    seen.add(key);
    return false;
  });
}

/**
 * Tells a repeated request from another one that uses the same id in the same session. No security boundary: only the
 * session's own client can meet a collision, so a cheap checksum (with the length) does.
 */
export function digestOf(bytes: Buffer): number {
  return crc32(bytes) * 0x200000 + (bytes.length & 0x1fffff);
}
