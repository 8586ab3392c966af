/** A client's message as the sessions take it: its own bytes and their envelope. */
import { applyEdits, type Edit } from '../jsonrpc/edit.ts';
import { type Envelope, readString } from '../jsonrpc/envelope.ts';

export interface ClientMessage {
  readonly bytes: Buffer;
  readonly envelope: Envelope;
}

/** Raw JSON text of the id; only for requests and answers. UTF-8 is restored when the text is written again. */
export function rawId({ bytes, envelope }: ClientMessage): string {
  return bytes.toString('utf8', envelope.idStart, envelope.idEnd);
}

/** The raw id of a message that was thrown away, from the latin1 of its bytes; undefined where it is none, or cut off. */
export function rawIdOf(latin1: string): string | undefined {
  const raw = Buffer.from(latin1, 'latin1').toString('utf8');
  try {
    const id: unknown = JSON.parse(raw);
    return typeof id === 'string' || typeof id === 'number' ? raw : undefined;
  } catch {
    return undefined;
  }
}

/** Raw progress token of a request; undefined when it asks for no progress. */
export function tokenOf({ bytes, envelope }: ClientMessage): string | undefined {
  if (envelope.metaTokenStart < 0) return undefined;
  return bytes.toString('utf8', envelope.metaTokenStart, envelope.metaTokenEnd);
}

/** Raw `params.requestId` of a cancellation; undefined when it names nothing. */
export function rawRequestId({ bytes, envelope }: ClientMessage): string | undefined {
  if (envelope.requestIdStart < 0) return undefined;
  return bytes.toString('utf8', envelope.requestIdStart, envelope.requestIdEnd);
}

/** A request under an id of ours, which is its progress token as well where it has one. `more`: further edits, touching neither. */
export function underOurId(
  { bytes, envelope }: ClientMessage,
  id: number,
  more: readonly Edit[] = [],
): Buffer[] {
  const text = String(id);
  const edits: Edit[] = [{ start: envelope.idStart, end: envelope.idEnd, text }];
  if (envelope.metaTokenStart >= 0) {
    const token = { start: envelope.metaTokenStart, end: envelope.metaTokenEnd, text };
    if (token.start < envelope.idStart) edits.unshift(token);
    else edits.push(token);
  }
  if (more.length > 0) edits.push(...more);
  if (edits.length > 2) edits.sort((a, b) => a.start - b.start);
  else if (more.length > 0 && (edits[0] as Edit).start > (edits[1] as Edit).start) edits.reverse();
  return applyEdits(bytes, edits);
}

/** `params.uri`, decoded. */
export function uriOf({ bytes, envelope }: ClientMessage): string | undefined {
  return envelope.uriStart < 0 ? undefined : readString(bytes, envelope.uriStart, envelope.uriEnd);
}

/** A JSON-RPC result with the given raw id and raw result. */
export function resultMessage(id: string, result: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${result}}`);
}

/** A JSON-RPC error with the given raw id. */
export function errorMessage(
  id: string,
  error: { readonly code: number; readonly message: string; readonly data?: unknown },
): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`);
}
