/**
 * The WebSocket transport, which no revision defines: one message a text frame, subprotocol `mcp` or none, and all ends with
 * the connection.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Caller, DataPlane, ServedServer } from './context.ts';
import type { LongStreams } from './long-streams.ts';
import { noReplica } from './served-server.ts';
import { SilentConnections } from './silent-connections.ts';
import type { Visit } from './traffic.ts';
import { CLOSE, CLOSE_WITHIN, LEAVING, WebSocketConnection } from './websocket-connection.ts';

/** Fragments of one message (ws's own default is 16 times as much). */
const MOST_FRAGMENTS = 1_024;
const SUBPROTOCOL = 'mcp';
const SWITCHING = 101;

export interface WebSocketUpgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly visit: Visit;
  readonly server: ServedServer;
  readonly principal: Caller;
}

export interface WebSocketFront {
  /** Serves an upgrade that has passed the guard. */
  upgrade(upgrade: WebSocketUpgrade): void;
  /** Ends every connection. */
  close(): void;
}

export function createWebSocketFront(plane: DataPlane, streams: LongStreams): WebSocketFront {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: plane.limits.messageBytes,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    // Options of ws 8.23 that its types do not name yet.
    ...({ maxFragments: MOST_FRAGMENTS } as object),
  });
  const silent = new SilentConnections(plane.clock);
  return {
    upgrade: ({ request, socket, head, visit, server, principal }) => {
      if (!plane.router.route(server.id, principal.id)) throw noReplica(server);
      silent.check(principal.id);
      sockets.handleUpgrade(request, socket, head, (ws) => {
        visit.status = SWITCHING;
        const connection = new WebSocketConnection(plane, { server, principal }, { ws, socket, silent });
        ws.once('close', streams.add(connection));
        ws.once(
          'close',
          plane.guard.hold(request, () => connection.unauthorized()),
        );
      });
    },
    close: () => {
      for (const ws of sockets.clients) ws.close(CLOSE.goingAway, LEAVING);
      plane.clock.after(CLOSE_WITHIN, () => {
        for (const ws of sockets.clients) ws.terminate();
      });
      sockets.close();
    },
  };
}
