/** Errors of MCP paths: JSON-RPC bodies with exact HTTP statuses. */
import type { ServerResponse } from 'node:http';
import { BerthError, errorData } from '../errors.ts';
import type { MessageFault } from '../jsonrpc/envelope.ts';

/** Seconds after which a refused client may try again. */
const RETRY_AFTER = '1';

/** The JSON-RPC error text for `error`, answering the raw id (`null` when unknown). */
export function rpcErrorText(error: BerthError, id = 'null', code: number = error.rpc): string {
  const body = JSON.stringify({ code, message: error.message, data: errorData(error) });
  return `{"jsonrpc":"2.0","id":${id},"error":${body}}`;
}

/** Answers a request that failed before anything was sent. */
export function sendRpcError(response: ServerResponse, error: BerthError, id?: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(rpcErrorText(error, id));
  response.statusCode = error.status;
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', body.length);
  if (error.status === 503 || error.status === 429) response.setHeader('Retry-After', RETRY_AFTER);
  if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="berth"');
  response.end(body);
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
