/** The bodies of the records, written and read. Message bytes stand in them as they are. */
import { BerthError } from '../errors.ts';
import { byteLength } from '../jsonrpc/edit.ts';
import { scanMessage } from '../jsonrpc/envelope.ts';
import type { CallRequest, ModernCall } from '../sessions/call-request.ts';
import type { ConversationTarget, OpenOptions } from '../sessions/conversation.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { EventKind, ParkRecord, ReaderEnd, StreamEvent } from '../sessions/reader.ts';
import { RECORD, RECORD_HEAD, type RecordType, startRecord } from './record.ts';

const FLAG = { batch: 1, openStreams: 2, openSingle: 4, again: 8, positioned: 16, socket: 32 } as const;
const KINDS: readonly EventKind[] = ['answer', 'request', 'notification'];
const ENDS: readonly ReaderEnd[] = ['complete', 'superseded', 'slow', 'ended', 'lost'];
/** Positions and byte counts are written in this many bytes. */
const WIDE = 6;

/** What a reader asks for, beside what it sends. */
export interface ReaderRequest {
  readonly open?: OpenOptions | undefined;
  /** The same reader asks again after its link was cut: it takes the stream from nobody who came meanwhile. */
  readonly again: boolean;
}

export interface AttachRequest {
  readonly stream: number;
  readonly after?: number;
}

/** A record whose body is JSON text. */
export function jsonRecord(type: RecordType, ref: number, value: unknown): Buffer[] {
  const text = Buffer.from(JSON.stringify(value));
  return [startRecord(type, ref, { fixed: 0, more: text.length }), text];
}

/** A record without a body. */
export function bareRecord(type: RecordType, ref: number): Buffer[] {
  return [startRecord(type, ref, { fixed: 0 })];
}

/** Throws BerthError `internal` for what is no target. */
export function readTarget(body: Buffer): ConversationTarget {
  const value = JSON.parse(body.toString('utf8')) as Partial<Record<keyof ConversationTarget, unknown>>;
  const { server, kind, key, principal } = value;
  if (typeof server !== 'string' || typeof key !== 'string' || typeof principal !== 'string')
    throw new BerthError('internal', 'a conversation without target');
  const known = kind === 'affinity' || kind === 'modern' ? kind : 'session';
  return { server, kind: known, key, principal };
}

export function callRecord(ref: number, request: CallRequest, how: ReaderRequest): Buffer[] {
  const { key, messages, batch, after } = request;
  const keyBytes = Buffer.byteLength(key);
  const bytes = messages.map((message) => message.bytes);
  const fixed = 1 + WIDE + 2 + keyBytes + 2 + 4 * messages.length;
  const beside = request.modern === undefined ? [] : [Buffer.from(JSON.stringify(request.modern))];
  const head = startRecord(RECORD.call, ref, { fixed, more: byteLength(bytes) + byteLength(beside) });
  let at = head.writeUInt8(flagsOf(how, after) | (batch ? FLAG.batch : 0), RECORD_HEAD);
  at = head.writeUIntBE(after ?? 0, at, WIDE);
  at = writeText(head, key, at);
  at = head.writeUInt16BE(messages.length, at);
  for (const message of bytes) at = head.writeUInt32BE(message.length, at);
  return [head, ...bytes, ...beside];
}

/** Throws BerthError for a message that is none. */
export function readCall(body: Buffer): { readonly request: CallRequest; readonly how: ReaderRequest } {
  const flags = body.readUInt8(0);
  const after = body.readUIntBE(1, WIDE);
  const key = readText(body, 1 + WIDE);
  let at = key.end + 2;
  const count = body.readUInt16BE(key.end);
  let from = at + 4 * count;
  const messages: ClientMessage[] = [];
  for (; messages.length < count; at += 4) {
    const to = from + body.readUInt32BE(at);
    messages.push(toMessage(body.subarray(from, to)));
    from = to;
  }
  const batch = (flags & FLAG.batch) !== 0;
  // What stands beside a modern client's message fills the rest.
  const beside = from < body.length && { modern: JSON.parse(body.toString('utf8', from)) as ModernCall };
  const request: CallRequest = { key: key.text, messages, batch, ...beside };
  return { request: flags & FLAG.positioned ? { ...request, after } : request, how: howOf(flags) };
}

export function noteRecord(ref: number, key: string, message: ClientMessage): Buffer[] {
  const fixed = 2 + Buffer.byteLength(key);
  const head = startRecord(RECORD.note, ref, { fixed, more: message.bytes.length });
  writeText(head, key, RECORD_HEAD);
  return [head, message.bytes];
}

/** Throws BerthError for a message that is none. */
export function readNote(body: Buffer): { readonly key: string; readonly message: ClientMessage } {
  const { text, end } = readText(body, 0);
  return { key: text, message: toMessage(body.subarray(end)) };
}

export function attachRecord(ref: number, request: AttachRequest, how: ReaderRequest): Buffer[] {
  const record = startRecord(RECORD.attach, ref, { fixed: 1 + 2 * WIDE });
  let at = record.writeUInt8(flagsOf(how, request.after), RECORD_HEAD);
  at = record.writeUIntBE(request.stream, at, WIDE);
  record.writeUIntBE(request.after ?? 0, at, WIDE);
  return [record];
}

export function readAttach(body: Buffer): { readonly request: AttachRequest; readonly how: ReaderRequest } {
  const flags = body.readUInt8(0);
  const stream = body.readUIntBE(1, WIDE);
  const after = body.readUIntBE(1 + WIDE, WIDE);
  return { request: flags & FLAG.positioned ? { stream, after } : { stream }, how: howOf(flags) };
}

/** `seq` 0 acknowledges nothing. */
export function creditRecord(ref: number, bytes: number, seq: number): Buffer[] {
  const record = startRecord(RECORD.credit, ref, { fixed: 2 * WIDE });
  record.writeUIntBE(seq, record.writeUIntBE(bytes, RECORD_HEAD, WIDE), WIDE);
  return [record];
}

export function readCredit(body: Buffer): { readonly bytes: number; readonly seq: number } {
  return { bytes: body.readUIntBE(0, WIDE), seq: body.readUIntBE(WIDE, WIDE) };
}

export function acceptedRecord(ref: number, stream: number): Buffer[] {
  const record = startRecord(RECORD.accepted, ref, { fixed: WIDE });
  record.writeUIntBE(stream, RECORD_HEAD, WIDE);
  return [record];
}

export function readAccepted(body: Buffer): number {
  return body.readUIntBE(0, WIDE);
}

export function eventRecord(ref: number, event: StreamEvent): Buffer[] {
  if (event.park) return parkedRecord(ref, event, event.park);
  const head = startRecord(RECORD.event, ref, { fixed: WIDE + 1, more: event.bytes });
  head.writeUInt8(KINDS.indexOf(event.kind), head.writeUIntBE(event.seq, RECORD_HEAD, WIDE));
  return [head, ...event.parts];
}

export function readEvent(body: Buffer): StreamEvent {
  const message = body.subarray(WIDE + 1);
  const kind = KINDS[body.readUInt8(WIDE)] ?? 'notification';
  return { seq: body.readUIntBE(0, WIDE), kind, parts: [message], bytes: message.length };
}

function parkedRecord(ref: number, event: StreamEvent, park: ParkRecord): Buffer[] {
  const text = JSON.stringify(park);
  const fixed = 2 + Buffer.byteLength(text) + WIDE;
  const head = startRecord(RECORD.parked, ref, { fixed, more: event.bytes });
  head.writeUIntBE(event.seq, writeText(head, text, RECORD_HEAD), WIDE);
  return [head, ...event.parts];
}

/** The event of a `parked` record. */
export function readParked(body: Buffer): StreamEvent {
  const { text, end } = readText(body, 0);
  const message = body.subarray(end + WIDE);
  const park = JSON.parse(text) as ParkRecord;
  return { seq: body.readUIntBE(end, WIDE), kind: 'answer', parts: [message], bytes: message.length, park };
}

export function endedRecord(ref: number, reason: ReaderEnd): Buffer[] {
  const record = startRecord(RECORD.ended, ref, { fixed: 1 });
  record.writeUInt8(ENDS.indexOf(reason), RECORD_HEAD);
  return [record];
}

/** A reason of a newer version reads as `lost`. */
export function readEnded(body: Buffer): ReaderEnd {
  return ENDS[body.readUInt8(0)] ?? 'lost';
}

function flagsOf({ open, again }: ReaderRequest, after: number | undefined): number {
  const opening = open === undefined ? 0 : open.delivery === 'single' ? FLAG.openSingle : FLAG.openStreams;
  const socket = open?.transport === 'websocket' ? FLAG.socket : 0;
  return opening | socket | (again ? FLAG.again : 0) | (after === undefined ? 0 : FLAG.positioned);
}

function howOf(flags: number): ReaderRequest {
  const again = (flags & FLAG.again) !== 0;
  if (flags & FLAG.openSingle)
    return { again, open: { delivery: 'single', ...(flags & FLAG.socket && { transport: 'websocket' }) } };
  return flags & FLAG.openStreams ? { again, open: { delivery: 'streams' } } : { again };
}

/** The gateway has checked the message; only the positions of its values are read again. */
function toMessage(bytes: Buffer): ClientMessage {
  const scanned = scanMessage(bytes);
  if (scanned.fault) throw new BerthError('invalid-request', scanned.fault.text);
  return { bytes, envelope: scanned.envelope };
}

function writeText(into: Buffer, text: string, at: number): number {
  const start = at + 2;
  const end = start + into.write(text, start);
  into.writeUInt16BE(end - start, at);
  return end;
}

function readText(body: Buffer, at: number): { readonly text: string; readonly end: number } {
  const start = at + 2;
  const end = start + body.readUInt16BE(at);
  return { text: body.toString('utf8', start, end), end };
}
