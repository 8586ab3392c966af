/** What a relay needs to know of a JSON-RPC message: its kind, and where the few values stand that it may have to replace. */
import { isUtf8 } from 'node:buffer';
import { SLOT } from './member-names.ts';
import { NO_LIMITS, type ScanFault, type ScanLimits } from './scan-limits.ts';
import { Scanner } from './scanner.ts';

export type MessageKind = 'request' | 'notification' | 'result' | 'error';

/** Positions are byte indexes into the message; a start of -1 means absent. */
export interface Envelope {
  readonly kind: MessageKind;
  /** Decoded method name; empty for answers. */
  readonly method: string;
  readonly idStart: number;
  readonly idEnd: number;
  readonly paramsStart: number;
  readonly paramsEnd: number;
  readonly resultStart: number;
  readonly resultEnd: number;
  readonly errorStart: number;
  readonly errorEnd: number;
  /** `params._meta.progressToken` of a request. */
  readonly metaTokenStart: number;
  readonly metaTokenEnd: number;
  /** `params.progressToken` of `notifications/progress`. */
  readonly tokenStart: number;
  readonly tokenEnd: number;
  /** `params.requestId` of `notifications/cancelled`. */
  readonly requestIdStart: number;
  readonly requestIdEnd: number;
  /** `params.uri`. */
  readonly uriStart: number;
  readonly uriEnd: number;
  /** `params.protocolVersion` of `initialize`. */
  readonly versionStart: number;
  readonly versionEnd: number;
  /** `params._meta`, whatever its type. */
  readonly metaStart: number;
  readonly metaEnd: number;
  /** `params.name`, when it is a string. */
  readonly nameStart: number;
  readonly nameEnd: number;
  /** `params.requestState`, whatever its type. */
  readonly stateStart: number;
  readonly stateEnd: number;
  /** `params.inputResponses`, whatever its type. */
  readonly responsesStart: number;
  readonly responsesEnd: number;
  /** `params._meta` names the client's capabilities, whatever their type. */
  readonly capabilitiesStart: number;
  readonly capabilitiesEnd: number;
  /** `params._meta` names a subscription: a string or a number. */
  readonly subscriptionStart: number;
  readonly subscriptionEnd: number;
  /** `params._meta` names a protocol version: the modern era's envelope. */
  readonly modern: boolean;
  /** That version, when it is a string. */
  readonly metaVersionStart: number;
  readonly metaVersionEnd: number;
}

/** Why bytes are no message. `invalid` is valid JSON that is no JSON-RPC 2.0 message. */
export interface MessageFault {
  readonly fault: ScanFault | 'utf8' | 'invalid';
  readonly text: string;
  /** Raw bytes of the top-level id where they could be read, so that an error can answer it. */
  readonly id?: string;
}

export type Scanned =
  | { readonly envelope: Envelope; readonly fault?: never }
  | { readonly envelope?: never; readonly fault: MessageFault };

const JSONRPC_VERSION = '"2.0"';
const QUOTE = 0x22;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;

const shared = new Scanner();

/** Scans one whole message in `bytes[from, to)`. Positions of the envelope are relative to `bytes`. */
export function scanMessage(
  bytes: Buffer,
  limits: ScanLimits = NO_LIMITS,
  from = 0,
  to = bytes.length,
): Scanned {
  shared.reset(limits);
  shared.seek(from);
  shared.feed(bytes, from, to);
  shared.finish();
  return readScan(shared, bytes);
}

/**
 * Scans a message from a client (data-path.md 1.2 to 1.4): UTF-8 is checked, and line breaks between tokens are blanked in
 * place, so that one body stays one line towards the server.
 */
export function scanClientMessage(bytes: Buffer, limits: ScanLimits, from = 0, to = bytes.length): Scanned {
  if (!isUtf8(bytes.subarray(from, to)))
    return { fault: { fault: 'utf8', text: 'the message is not valid UTF-8' } };
  const scanned = scanMessage(bytes, limits, from, to);
  if (shared.breaks && scanned.envelope) blankBreaks(bytes, from, to);
  return scanned;
}

/** Scans a line from a server. A carriage return between tokens is blanked: in an event stream it would end the line. */
export function scanServerMessage(bytes: Buffer): Scanned {
  const scanned = scanMessage(bytes);
  if (shared.breaks && scanned.envelope) blankBreaks(bytes, 0, bytes.length);
  return scanned;
}

/** Line breaks cannot stand inside the strings of a scanned message, so every one that is left stands between tokens. */
function blankBreaks(bytes: Buffer, from: number, to: number): void {
  for (let i = from; i < to; i++) if (bytes[i] === 0x0a || bytes[i] === 0x0d) bytes[i] = 0x20;
}

/** Splits the text of a batch into the ranges of its elements. Elements are scanned as messages by the caller. */
export function splitBatch(
  bytes: Buffer,
  limits: ScanLimits,
  most: number,
): { ranges: [number, number][] } | { fault: MessageFault } {
  const ranges: [number, number][] = [];
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== OPEN_ARRAY) return { fault: { fault: 'invalid', text: 'not a batch' } };
  at = skipSpace(bytes, at + 1);
  if (bytes[at] === 0x5d) return { fault: { fault: 'invalid', text: 'an empty batch' } };
  for (;;) {
    shared.reset(limits);
    shared.seek(at);
    const end = shared.feed(bytes, at, bytes.length, true);
    if (!shared.done)
      return {
        fault: { fault: shared.fault ?? 'syntax', text: shared.faultText || 'the text ends too early' },
      };
    if (ranges.push([at, end]) > most)
      return { fault: { fault: 'limit', text: `more than ${most} messages in a batch` } };
    at = skipSpace(bytes, end);
    if (bytes[at] === 0x5d) break;
    if (bytes[at] !== 0x2c)
      return { fault: { fault: 'syntax', text: 'expected a comma or a closing bracket' } };
    at = skipSpace(bytes, at + 1);
  }
  if (skipSpace(bytes, at + 1) !== bytes.length)
    return { fault: { fault: 'syntax', text: 'text after the message' } };
  return { ranges };
}

/** The first byte that is no white space says what a body is. */
export function isBatch(bytes: Buffer): boolean {
  return bytes[skipSpace(bytes, 0)] === OPEN_ARRAY;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (let c = bytes[at]; c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d; c = bytes[at]) at++;
  return at;
}

function readScan(scan: Scanner, bytes: Buffer): Scanned {
  if (scan.fault !== undefined) return { fault: { fault: scan.fault, text: scan.faultText } };
  const { starts, ends } = scan;
  const idStart = starts[SLOT.id] as number;
  const idEnd = ends[SLOT.id] as number;
  const kind = kindOf(scan, bytes);
  if (kind.length > 12) {
    const id =
      idStart >= 0 && isIdByte(bytes[idStart]) ? bytes.toString('latin1', idStart, idEnd) : undefined;
    return {
      fault: id === undefined ? { fault: 'invalid', text: kind } : { fault: 'invalid', text: kind, id },
    };
  }
  const methodStart = starts[SLOT.method] as number;
  return {
    envelope: {
      kind: kind as MessageKind,
      method: methodStart < 0 ? '' : readString(bytes, methodStart, ends[SLOT.method] as number),
      idStart,
      idEnd,
      paramsStart: starts[SLOT.params] as number,
      paramsEnd: ends[SLOT.params] as number,
      resultStart: starts[SLOT.result] as number,
      resultEnd: ends[SLOT.result] as number,
      errorStart: starts[SLOT.error] as number,
      errorEnd: ends[SLOT.error] as number,
      metaTokenStart: isIdByte(bytes[starts[SLOT.metaToken] as number])
        ? (starts[SLOT.metaToken] as number)
        : -1,
      metaTokenEnd: ends[SLOT.metaToken] as number,
      tokenStart: isIdByte(bytes[starts[SLOT.token] as number]) ? (starts[SLOT.token] as number) : -1,
      tokenEnd: ends[SLOT.token] as number,
      requestIdStart: isIdByte(bytes[starts[SLOT.requestId] as number])
        ? (starts[SLOT.requestId] as number)
        : -1,
      requestIdEnd: ends[SLOT.requestId] as number,
      uriStart: bytes[starts[SLOT.uri] as number] === QUOTE ? (starts[SLOT.uri] as number) : -1,
      uriEnd: ends[SLOT.uri] as number,
      versionStart:
        bytes[starts[SLOT.protocolVersion] as number] === QUOTE
          ? (starts[SLOT.protocolVersion] as number)
          : -1,
      versionEnd: ends[SLOT.protocolVersion] as number,
      metaStart: starts[SLOT.meta] as number,
      metaEnd: ends[SLOT.meta] as number,
      nameStart: bytes[starts[SLOT.name] as number] === QUOTE ? (starts[SLOT.name] as number) : -1,
      nameEnd: ends[SLOT.name] as number,
      stateStart: starts[SLOT.requestState] as number,
      stateEnd: ends[SLOT.requestState] as number,
      responsesStart: starts[SLOT.inputResponses] as number,
      responsesEnd: ends[SLOT.inputResponses] as number,
      capabilitiesStart: starts[SLOT.metaCapabilities] as number,
      capabilitiesEnd: ends[SLOT.metaCapabilities] as number,
      subscriptionStart: isIdByte(bytes[starts[SLOT.metaSubscription] as number])
        ? (starts[SLOT.metaSubscription] as number)
        : -1,
      subscriptionEnd: ends[SLOT.metaSubscription] as number,
      modern: (starts[SLOT.metaVersion] as number) >= 0,
      metaVersionStart:
        bytes[starts[SLOT.metaVersion] as number] === QUOTE ? (starts[SLOT.metaVersion] as number) : -1,
      metaVersionEnd: ends[SLOT.metaVersion] as number,
    },
  };
}

/** The kind, or a sentence that says why the text is no message (a sentence is always longer than a kind). */
function kindOf(scan: Scanner, bytes: Buffer): MessageKind | string {
  const { starts, ends } = scan;
  const at = (slot: number): number => starts[slot] as number;
  if (
    at(SLOT.jsonrpc) < 0 ||
    bytes.toString('latin1', at(SLOT.jsonrpc), ends[SLOT.jsonrpc]) !== JSONRPC_VERSION
  ) {
    return 'a JSON-RPC message needs "jsonrpc": "2.0"';
  }
  const hasId = at(SLOT.id) >= 0;
  const answers = (at(SLOT.result) >= 0 ? 1 : 0) + (at(SLOT.error) >= 0 ? 1 : 0);
  if (at(SLOT.method) >= 0) {
    if (answers > 0) return 'a message with a method cannot carry a result or an error';
    if (bytes[at(SLOT.method)] !== QUOTE) return 'the method must be a string';
    const params = bytes[at(SLOT.params)];
    if (at(SLOT.params) >= 0 && params !== OPEN_OBJECT && params !== OPEN_ARRAY)
      return 'params must be an object';
    if (!hasId) return 'notification';
    return isIdByte(bytes[at(SLOT.id)]) ? 'request' : 'the id of a request must be a string or a number';
  }
  if (answers !== 1) return 'a message needs a method, a result or an error';
  if (at(SLOT.error) >= 0) return hasId ? 'error' : 'an error answer needs an id';
  return hasId && isIdByte(bytes[at(SLOT.id)])
    ? 'result'
    : 'the id of an answer must be a string or a number';
}

/** A string or a number begins with this byte. */
function isIdByte(byte: number | undefined): boolean {
  return byte !== undefined && (byte === QUOTE || byte === 0x2d || (byte >= 0x30 && byte <= 0x39));
}

/** Decodes the JSON string in `bytes[start, end)`, quotes included. */
export function readString(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}
