/** The supervisor's end of one conversation of a link: records in, calls on the conversation; readers' events out as records. */
import type { Http2Stream } from 'node:http2';
import { BerthError, toBerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import { nothingTaken } from '../sessions/ended-unanswered.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { refusedRecord } from './error-record.ts';
import type { ConversationHost } from './in-process.ts';
import { type LinkRecord, RECORD } from './record.ts';
import {
  acceptedRecord,
  bareRecord,
  endedRecord,
  eventRecord,
  readAttach,
  readCall,
  readCredit,
  readNote,
  readTarget,
} from './record-bodies.ts';
import { RecordStream } from './record-stream.ts';
import { RefTable } from './ref-table.ts';

/** Milliseconds by which a gateway hears that a call was taken, if that was not answered before. */
const ACCEPTED_WITHIN = 2;

export interface ServedOptions {
  readonly host: ConversationHost;
  /** Nothing new begins any more: who asks for it is told that it was not taken. */
  readonly isLeaving: () => boolean;
  /** Called once, when the stream is gone and its readers are detached. */
  readonly closed: () => void;
}

export class ServedConversation {
  readonly #host: ConversationHost;
  readonly #isLeaving: () => boolean;
  readonly #records: RecordStream;
  readonly #attached = new RefTable<Attached>();
  #conversation: Conversation | undefined;
  #isSession = false;

  constructor(stream: Http2Stream, { host, isLeaving, closed }: ServedOptions) {
    this.#host = host;
    this.#isLeaving = isLeaving;
    this.#records = new RecordStream(stream, {
      record: (record) => this.#record(record),
      closed: () => {
        for (const { ref, attachment } of this.#attached.values) {
          this.#attached.delete(ref);
          attachment.detach(true);
        }
        closed();
      },
    });
  }

  /** Detaches its readers and stops listening, at once. */
  cut(): void {
    this.#records.cut();
  }

  /** Sends what is queued and ends. */
  end(): void {
    this.#records.end();
  }

  #record(record: LinkRecord): void {
    try {
      this.#take(record);
    } catch (error) {
      this.#records.send(refusedRecord(record.ref, toBerthError(error)));
    }
  }

  #take({ type, ref, body }: LinkRecord): void {
    switch (type) {
      case RECORD.target: {
        const target = readTarget(body);
        this.#isSession = target.kind === 'session';
        this.#conversation = this.#host.conversation(target);
        return;
      }
      case RECORD.call:
        return this.#call(ref, body);
      case RECORD.note: {
        const { key, message } = readNote(body);
        return this.#target().note(key, message, this.#noted(ref));
      }
      case RECORD.attach:
        return this.#attach(ref, body);
      case RECORD.credit: {
        const { bytes, seq } = readCredit(body);
        this.#attached.get(ref)?.attachment.credit(bytes, seq === 0 ? undefined : seq);
        return;
      }
      case RECORD.detach:
        this.#attached.get(ref)?.attachment.detach();
        this.#attached.delete(ref);
        return;
      case RECORD.end:
        return this.#target().end(this.#noted(ref));
    }
  }

  /** What was asked for before may have been taken then: only who has it can tell. A session is served for as long as it is there. */
  #admit(begins: boolean): void {
    if (begins && this.#isLeaving()) throw nothingTaken();
  }

  #target(): Conversation {
    if (!this.#conversation) throw new BerthError('internal', 'a conversation without target');
    return this.#conversation;
  }

  #call(ref: number, body: Buffer): void {
    const { request, how } = readCall(body);
    if (!how.again) this.#admit(how.open !== undefined || !this.#isSession);
    const reader = this.#reader(ref, { yields: how.again, answered: how.open?.delivery !== 'single' });
    this.#keep(reader, this.#target().call(request, reader, how.open));
  }

  #attach(ref: number, body: Buffer): void {
    const { request, how } = readAttach(body);
    if (!how.again) this.#admit(how.open !== undefined);
    const reader = this.#reader(ref, { yields: how.again, answered: false });
    this.#keep(reader, this.#target().attach(request, reader, how.open));
  }

  #reader(ref: number, how: ReaderKind): ServedReader {
    return new ServedReader(ref, how, this.#records, () => this.#attached.delete(ref));
  }

  #keep(reader: ServedReader, attachment: Attachment | undefined): void {
    if (!attachment || reader.over) return;
    if (this.#records.closed) attachment.detach();
    else this.#attached.add({ ref: reader.ref, attachment });
  }

  #noted(ref: number): (error?: BerthError) => void {
    return (error) => this.#records.send(error ? refusedRecord(ref, error) : bareRecord(RECORD.noted, ref));
  }
}

interface Attached {
  readonly ref: number;
  readonly attachment: Attachment;
}

interface ReaderKind {
  /** See {@link StreamReader.yields}. */
  readonly yields: boolean;
  /** Answers come to this reader: its client waits for these, not for the news that the call was accepted. */
  readonly answered: boolean;
}

class ServedReader implements StreamReader {
  readonly ref: number;
  readonly yields: boolean;
  readonly #answered: boolean;
  readonly #records: RecordStream;
  readonly #left: () => void;
  over = false;

  constructor(ref: number, how: ReaderKind, records: RecordStream, left: () => void) {
    this.ref = ref;
    this.yields = how.yields;
    this.#answered = how.answered;
    this.#records = records;
    this.#left = left;
  }

  accepted(stream: number): void {
    const record = acceptedRecord(this.ref, stream);
    // Stream 0 is one that others read: being accepted is all that this client hears of the call.
    if (this.#answered && stream !== 0) this.#records.sendLater(record, ACCEPTED_WITHIN);
    else this.#records.send(record);
  }

  refused(error: BerthError): void {
    this.#leave();
    this.#records.send(refusedRecord(this.ref, error));
  }

  event(event: StreamEvent): void {
    this.#records.send(eventRecord(this.ref, event));
  }

  end(reason: ReaderEnd): void {
    // A complete stream still wants its acknowledgement; the gateway detaches behind it.
    if (reason !== 'complete') this.#leave();
    this.#records.send(endedRecord(this.ref, reason));
  }

  #leave(): void {
    this.over = true;
    this.#left();
  }
}
