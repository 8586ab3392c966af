/** The three transports as rows of a test table. */
import type { ClientOptions, McpClient } from './mcp-client.ts';
import { SseClient } from './sse-client.ts';
import { StreamableClient } from './streamable-client.ts';
import { WsClient } from './ws-client.ts';

export type Transport = 'streamable-http' | 'sse' | 'websocket';
export const TRANSPORTS: readonly Transport[] = ['streamable-http', 'sse', 'websocket'];

/** Connects to a server's base address (`…/servers/name`) without the handshake. */
export async function connect(
  transport: Transport,
  base: string,
  options: ClientOptions = {},
): Promise<McpClient> {
  switch (transport) {
    case 'streamable-http':
      return new StreamableClient(`${base}/mcp`, options);
    case 'sse':
      return SseClient.connect(`${base}/sse`, options);
    case 'websocket':
      return WsClient.connect(`${base}/ws`, options);
  }
}

/** Connects and shakes hands; throws when initialize is answered with an error. */
export async function session(
  transport: Transport,
  base: string,
  options: ClientOptions = {},
): Promise<McpClient> {
  const client = await connect(transport, base, options);
  const { message, text } = await client.initialize();
  if (message.error !== undefined) throw new Error(`initialize: ${text}`);
  return client;
}
