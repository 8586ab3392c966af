/** What a server can speak that is reached by a URL, and what its URL says of that. */

export const REMOTE_TRANSPORTS = ['streamable-http', 'sse', 'websocket'] as const;

export type RemoteTransport = (typeof REMOTE_TRANSPORTS)[number];

/** `auto`: to be found out. */
export type WantedTransport = RemoteTransport | 'auto';

export function isWebSocketUrl(url: string): boolean {
  return /^wss?:/i.test(url);
}

/** A URL of WebSocket leaves nothing to be found out. */
export function wantedTransport(target: {
  readonly url: string;
  readonly transport: WantedTransport;
}): WantedTransport {
  return isWebSocketUrl(target.url) ? 'websocket' : target.transport;
}
