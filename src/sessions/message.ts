/** A client's message as the sessions take it: its own bytes and their envelope. */
import { type Envelope, readString } from '../jsonrpc/envelope.ts';

export interface ClientMessage {
  readonly bytes: Buffer;
  readonly envelope: Envelope;
}

/** Raw JSON text of the id; only for requests and answers. UTF-8 is restored when the text is written again. */
export function rawId({ bytes, envelope }: ClientMessage): string {
  return bytes.toString('utf8', envelope.idStart, envelope.idEnd);
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
