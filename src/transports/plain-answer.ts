/** An answer as a plain JSON response. */
import type { ServerResponse } from 'node:http';
import { byteLength } from '../jsonrpc/edit.ts';
import type { Attachment, StreamEvent } from '../sessions/reader.ts';
import { writeFlow } from './flow.ts';

/** Bytes up to which an answer leaves in one write with the head of its response. */
const TEXT_BELOW = 16 * 1024;

/** Ends the response with the answer; its credit is given as it leaves. */
export function sendPlain(
  response: ServerResponse,
  event: StreamEvent,
  options: {
    readonly attachment: Attachment;
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
  },
): void {
  const { attachment, status = 200, headers } = options;
  const length = byteLength(event.parts);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': length,
    ...headers,
  });
  if (length > TEXT_BELOW) {
    writeFlow(response, event.parts, { attachment, bytes: event.bytes, seq: event.seq });
    response.end();
    return;
  }
  // Node joins head and body into one write only when the body is a string; latin1 keeps its bytes as they are.
  const body = event.parts.map((part) => part.toString('latin1')).join('');
  response.end(body, 'latin1', () => attachment.credit(event.bytes, event.seq));
}
