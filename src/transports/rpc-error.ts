/** Errors of MCP paths: JSON-RPC bodies with exact HTTP statuses. */
import type { ServerResponse } from 'node:http';
import { BerthError, errorData } from '../errors.ts';
import type { MessageFault } from '../jsonrpc/envelope.ts';
import { requestIdOf } from '../log/ids.ts';
import { endedUnanswered } from '../sessions/ended-unanswered.ts';

/** Names a request to people and logs. */
export const REQUEST_ID = 'X-Request-ID';
/** Seconds after which a refused client may try again. */
const RETRY_AFTER = '1';

/** The JSON-RPC error text for `error`, answering the raw id (`null` when unknown). */
export function rpcErrorText(error: BerthError, id = 'null', code: number = error.rpc): string {
  const body = JSON.stringify({ code, message: error.message, data: errorData(error) });
  return `{"jsonrpc":"2.0","id":${id},"error":${body}}`;
}

/** Milliseconds without a byte after which a client that goes on sending what was refused is given up. */
const LINGER = 1_000;

/** Answers a request that failed before anything was sent. What is left of its body is read and dropped. */
export function sendRpcError(response: ServerResponse, error: BerthError, id?: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(rpcErrorText(error, id));
  response.statusCode = error.status;
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', body.length);
  if (!response.hasHeader(REQUEST_ID)) response.setHeader(REQUEST_ID, requestIdOf(undefined));
  if (error.status === 503 || error.status === 429) response.setHeader('Retry-After', RETRY_AFTER);
  if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="berth"');
  if (response.req.complete) response.end(body);
  else endAfterRequest(response, body);
}

/**
 * Closing while the client still sends would make its kernel throw the answer away. The answer is whole before the end of the
 * response, so who reads it waits for nothing.
 */
function endAfterRequest(response: ServerResponse, body: Buffer): void {
  const { req: request } = response;
  response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER).unref();
  request.on('data', () => timer.refresh());
  request.once('end', end).once('close', end);
}

/** What a body that is no message is refused with. */
export function faultError(fault: MessageFault): BerthError {
  switch (fault.fault) {
    case 'syntax':
    case 'utf8':
      return new BerthError('parse-error', `parse error: ${fault.text}`);
    case 'limit':
    case 'envelope':
    case 'invalid':
      return new BerthError('invalid-request', `invalid request: ${fault.text}`);
  }
}

/** What a client is told whose call broke. */
export function unanswered(reason: 'lost' | 'ended'): BerthError {
  return reason === 'lost'
    ? new BerthError('busy', 'the server cannot be reached just now')
    : endedUnanswered();
}
