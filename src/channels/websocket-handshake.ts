/** The beginning of a WebSocket: a request of HTTP, with its credentials, refusals and address rules, that becomes a connection. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { remoteFailure } from './http-failure.ts';
import type { HttpTraffic, Refusal } from './http-traffic.ts';

/** The sub-protocol of MCP; servers that know of none are spoken to as well. */
const SUBPROTOCOL = 'mcp';
/** Milliseconds in which the server must have answered. */
const HANDSHAKE_MS = 30_000;
const SWITCHING = 101;
const KEY_BYTES = 16;
/** RFC 6455, section 1.3: shows that the server has understood what it was asked for. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export type Opened =
  | { readonly socket: Socket; readonly refusal?: never }
  | { readonly socket?: never; readonly refusal: Refusal };

/** Rejects with `remote-failed`, or with what the agent's look-up refused with. */
export async function openWebSocket(traffic: HttpTraffic): Promise<Opened> {
  const key = randomBytes(KEY_BYTES).toString('base64');
  const request = traffic.request({
    method: 'GET',
    upgrade: true,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
      'sec-websocket-protocol': SUBPROTOCOL,
    },
  });
  let isLate = false;
  const late = traffic.after(HANDSHAKE_MS, () => {
    isLate = true;
    request.abort();
  });
  try {
    const response = await request.response;
    if (response.statusCode === SWITCHING) return { socket: checked(response, key) };
    const refusal = await traffic.refusal(response);
    if (refusal) return { refusal };
    response.destroy();
    throw noWebSocket(`answered ${response.statusCode}`);
  } catch (error) {
    if (isLate) throw tooLate();
    throw error;
  } finally {
    late();
  }
}

function checked(response: IncomingMessage, key: string): Socket {
  const { socket, headers } = response;
  const fault = faultOf(headers, key);
  if (fault === undefined) return socket;
  socket.destroy();
  throw noWebSocket(fault);
}

function faultOf(headers: IncomingMessage['headers'], key: string): string | undefined {
  const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
  if (headers.upgrade?.toLowerCase() !== 'websocket' || headers['sec-websocket-accept'] !== accept)
    return 'switched to another protocol';
  const chosen = headers['sec-websocket-protocol'];
  if (chosen !== undefined && chosen !== SUBPROTOCOL) return 'chose another sub-protocol than mcp';
  return headers['sec-websocket-extensions'] === undefined
    ? undefined
    : 'chose an extension that nobody offered';
}

function noWebSocket(what: string) {
  return remoteFailure(
    `the remote server ${what} when it was asked for a WebSocket`,
    'Check whether the URL is that of an MCP server over WebSocket; one that speaks Streamable HTTP or SSE has an https URL.',
  );
}

function tooLate() {
  return remoteFailure(
    `the remote server did not answer within ${HANDSHAKE_MS / 1_000} s when it was asked for a WebSocket`,
    'Check the address, and the state of the remote server.',
  );
}
