/** A link whose modern calls are answered by the test, in the place of the supervisor's lanes; everything else goes on to a real one. */
import type { BerthError } from '../../src/errors.ts';
import { byteLength } from '../../src/jsonrpc/edit.ts';
import type { Link } from '../../src/link/link.ts';
import type { CallRequest } from '../../src/sessions/call-request.ts';
import type { Conversation, ConversationTarget } from '../../src/sessions/conversation.ts';
import { rawId } from '../../src/sessions/message.ts';
import type {
  Attachment,
  EventKind,
  ParkRecord,
  ReaderEnd,
  StreamReader,
} from '../../src/sessions/reader.ts';
import { eventually } from '../support/local-process.ts';

/** One modern call as the supervisor would see it. */
export class ScriptedCall implements Attachment {
  readonly target: ConversationTarget;
  readonly request: CallRequest;
  readonly reader: StreamReader;
  credited = 0;
  acknowledged = 0;
  detached = 0;
  #seq = 0;

  constructor(target: ConversationTarget, request: CallRequest, reader: StreamReader) {
    this.target = target;
    this.request = request;
    this.reader = reader;
  }

  get text(): string {
    return this.request.messages.map(({ bytes }) => bytes.toString('utf8')).join('\n');
  }

  credit(bytes: number, seq = 0): void {
    this.credited += bytes;
    this.acknowledged = Math.max(this.acknowledged, seq);
  }

  detach(): void {
    this.detached++;
  }

  event(kind: EventKind, text: string | readonly string[], park?: ParkRecord): void {
    const parts = (typeof text === 'string' ? [text] : text).map((part) => Buffer.from(part));
    const event = { seq: ++this.#seq, kind, parts, bytes: byteLength(parts) };
    this.reader.event(park ? { ...event, park } : event, 1);
  }

  notify(method: string, params: unknown = {}): void {
    this.event('notification', JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Answers with a result (or the member given) and ends the stream. */
  answer(result: unknown = { resultType: 'complete' }, member: 'result' | 'error' = 'result'): void {
    this.event('answer', `{"jsonrpc":"2.0","id":${this.id},"${member}":${JSON.stringify(result)}}`);
    this.end('complete');
  }

  /** Asks for input: the call waits on. */
  park(park: Omit<ParkRecord, 'at'>): void {
    const head = `{"jsonrpc":"2.0","id":${this.id},"result":{`;
    const rest = '"resultType":"input_required","inputRequests":{}}}';
    this.event('answer', [head, rest], { ...park, at: Buffer.byteLength(head) });
    this.end('complete');
  }

  end(reason: ReaderEnd): void {
    this.reader.end(reason);
  }

  private get id(): string {
    const [message] = this.request.messages;
    if (!message) throw new Error('a call without message');
    return rawId(message);
  }
}

export class ScriptedLink implements Link {
  readonly calls: ScriptedCall[] = [];
  readonly #legacy: Link;
  /** What calls are refused with. */
  refusal: BerthError | undefined;
  /** False: calls are left waiting for being taken. */
  accepts = true;
  /** Answers calls at once, when set. */
  onCall: ((call: ScriptedCall) => void) | undefined;

  constructor(legacy: Link) {
    this.#legacy = legacy;
  }

  conversation(target: ConversationTarget): Conversation {
    const legacy = this.#legacy.conversation(target);
    if (target.kind !== 'modern') return legacy;
    return {
      call: (request, reader) => this.#call(new ScriptedCall(target, request, reader)),
      note: () => expectNothing(),
      attach: () => expectNothing(),
      end: () => expectNothing(),
    };
  }

  close(): Promise<void> {
    return this.#legacy.close();
  }

  /** The call of that number, from 1, once it has come. */
  async call(number = 1): Promise<ScriptedCall> {
    await eventually(`call ${number}`, () => this.calls.length >= number);
    const call = this.calls[number - 1];
    if (!call) throw new Error('no such call');
    return call;
  }

  #call(call: ScriptedCall): Attachment | undefined {
    this.calls.push(call);
    if (this.refusal) {
      call.reader.refused(this.refusal);
      return undefined;
    }
    if (this.accepts) call.reader.accepted(1);
    this.onCall?.(call);
    return call;
  }
}

function expectNothing(): never {
  throw new Error('a modern conversation only has calls');
}
