/** Carries links over TCP with mutual TLS, for clusters whose API server should not carry them. */
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  checkServerIdentity,
  connect,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';

/** Milliseconds from the first packet to a connection that both sides trust. */
export const CONNECT_LIMIT = 10_000;
/** Milliseconds between the probes that find a peer which has vanished. */
const TCP_KEEPALIVE = 15_000;
/** Whoever speaks something else is refused in the handshake. */
const PROTOCOL = 'berth-link';

/** Who this side is and whom it trusts; all PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  /** The only authority that counts. */
  readonly ca: string;
  /** The name that the peer's certificate must hold: signed by the authority alone is not enough, as every pod's is. */
  readonly peerName: string;
}

export interface TlsAddress {
  readonly host: string;
  readonly port: number;
}

export interface TlsConnectOptions {
  readonly address: TlsAddress;
  /** Asked for each connection, so that renewed certificates count from the next one on. */
  readonly identity: () => TlsIdentity;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Opens a byte stream to the peer at an address. Rejects with BerthError `busy`, or with the signal's reason. */
export function connectTls(options: TlsConnectOptions): Promise<Duplex> {
  const { address, identity, signal, clock = systemClock } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { peerName, ...own } = identity();
    const socket = connect({ ...address, ...context(own), ...checked(peerName), ALPNProtocols: [PROTOCOL] });
    const fail = (reason: unknown): void => {
      settle();
      socket.destroy();
      reject(reason);
    };
    const aborted = (): void => fail(signal.reason);
    const late = (): void => fail(unreachable(address, `no answer within ${CONNECT_LIMIT / 1_000} s`));
    const broken = (error: Error): void => fail(unreachable(address, error.message, error));
    const cancelLimit = clock.after(CONNECT_LIMIT, late);
    const settle = (): void => {
      cancelLimit();
      signal.removeEventListener('abort', aborted);
      socket.off('error', broken);
      socket.on('error', () => {});
    };
    signal.addEventListener('abort', aborted);
    socket.on('error', broken);
    socket.once('secureConnect', () => {
      settle();
      resolve(prepared(socket));
    });
  });
}

export interface TlsListener {
  readonly port: number;
  /** New connections are greeted with this from now on. */
  renew(identity: TlsIdentity): void;
  /** Listens no more; connections go on. Idempotent. */
  close(): Promise<void>;
}

/** Listens for peers that prove the expected name; `accept` gets each one's byte stream. Rejects with what the system says. */
export async function listenTls(
  address: TlsAddress,
  identity: TlsIdentity,
  accept: (stream: Duplex) => void,
): Promise<TlsListener> {
  let current = identity;
  const server = createServer({ ...serverContext(identity), handshakeTimeout: CONNECT_LIMIT });
  server.on('secureConnection', (socket) => {
    if (isPeer(socket, current.peerName)) accept(prepared(socket));
    else socket.destroy();
  });
  // A peer that is not trusted, or gave up: its loss.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await listening(server, address);
  server.on('error', () => {});
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : address.port,
    renew: (next) => {
      current = next;
      server.setSecureContext(context(next));
    },
    close: () => closed(server),
  };
}

function context({ cert, key, ca }: Pick<TlsIdentity, 'cert' | 'key' | 'ca'>): SecureContextOptions {
  return { cert, key, ca, minVersion: 'TLSv1.3' };
}

function serverContext(identity: TlsIdentity) {
  return {
    ...context(identity),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [PROTOCOL],
  };
}

/** A pod's address changes, its name does not: what counts is the name, whatever was dialled. */
function checked(peerName: string) {
  return {
    ...(isIP(peerName) ? {} : { servername: peerName }),
    checkServerIdentity: (_host: string, cert: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(peerName, cert),
  };
}

function isPeer(socket: TLSSocket, peerName: string): boolean {
  return (
    socket.alpnProtocol === PROTOCOL &&
    checkServerIdentity(peerName, socket.getPeerCertificate()) === undefined
  );
}

function prepared<T extends Socket>(socket: T): T {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE);
  return socket;
}

function listening(server: Server, address: TlsAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) return resolve();
    // Waiting for connections to end is their owner's work.
    server.close();
    resolve();
  });
}

function unreachable({ host, port }: TlsAddress, why: string, cause?: unknown): BerthError {
  return new BerthError('busy', `no trusted connection to ${host}:${port}: ${why}`, {
    cause,
    hint: 'See whether the pod runs, the network lets us through, and both sides have current certificates.',
  });
}
