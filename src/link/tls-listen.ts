/** The supervisor's end of links over TCP with mutual TLS: nobody is served who has not proved who he is. */
import type { Duplex } from 'node:stream';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { BerthError } from '../errors.ts';
import {
  ACCEPTED,
  CONNECT_LIMIT,
  checkPeer,
  codeOf,
  PROTOCOL,
  reasonOf,
  secureContext,
  TCP_KEEPALIVE,
  type TlsIdentity,
} from './tls-identity.ts';

/** Connections at one time: more than any number of gateways has, and few enough for a flood to be borne. */
const MOST_CONNECTIONS = 1_000;

export interface TlsListenOptions {
  /** Without a host every address of the machine, of both families. */
  readonly address: { readonly host?: string; readonly port: number };
  /** The name that the peers' certificates must hold. */
  readonly peerName: string;
  readonly identity: TlsIdentity;
  /** Gets the byte stream of each peer that has proved it. */
  readonly accept: (stream: Duplex) => void;
  /** Told why somebody was refused, in words. */
  readonly onRefused?: (reason: string) => void;
}

export interface TlsListener {
  readonly port: number;
  /** New connections are greeted with this from now on; those that are there go on. */
  renew(identity: TlsIdentity): void;
  /** Listens no more; connections go on. Idempotent. */
  close(): Promise<void>;
}

/** Rejects with `conflict` when the port is taken, else with what the system says. */
export async function listenTls(options: TlsListenOptions): Promise<TlsListener> {
  const { address, peerName, identity, accept, onRefused } = options;
  const refuse = (socket: TLSSocket, why: string): void => {
    onRefused?.(why);
    socket.destroy();
  };
  const server = createServer({
    ...secureContext(identity),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [PROTOCOL],
    handshakeTimeout: CONNECT_LIMIT,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    const fault = faultOf(socket, peerName);
    if (fault !== undefined) return refuse(socket, fault);
    socket.setNoDelay(true).setKeepAlive(true, TCP_KEEPALIVE);
    // HTTP/2 takes the socket over below its stream, and must not find a write of ours under way there.
    socket.write(Buffer.from([ACCEPTED]), () => setImmediate(() => socket.destroyed || accept(socket)));
  });
  // A peer that is not trusted, or gave up: its loss.
  server.on('tlsClientError', (error, socket) => refuse(socket, refusalOf(error, socket)));
  await listening(server, address);
  server.on('error', () => {});
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : address.port,
    renew: (next) => server.setSecureContext(secureContext(next)),
    close: async () => {
      // Waiting for connections to end is their owner's work.
      if (server.listening) server.close();
    },
  };
}

function faultOf(socket: TLSSocket, peerName: string): string | undefined {
  if (socket.alpnProtocol !== PROTOCOL) return 'it speaks another protocol than links';
  const error = checkPeer(peerName, socket.getPeerCertificate());
  return error && reasonOf(codeOf(error), error.message);
}

/** Node destroys a connection whose certificate it does not trust; what it held against it stands on the socket. */
function refusalOf(error: Error, socket: TLSSocket): string {
  const { authorizationError } = socket as { readonly authorizationError?: unknown };
  if (typeof authorizationError === 'string') return reasonOf(authorizationError, authorizationError);
  if (codeOf(error) === 'ECONNRESET')
    return 'it went in the middle of the handshake: it may not trust our certificate';
  return reasonOf(codeOf(error), error.message);
}

function listening(server: Server, address: TlsListenOptions['address']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(toFault(error, address.port)));
    server.listen(address, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function toFault(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new BerthError('conflict', `another program listens on port ${port}`, {
    cause: error,
    hint: 'The link of the supervisor has this port: let the program in the pod use another one.',
  });
}
