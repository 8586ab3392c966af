/** The gateway's end of a link over TCP with mutual TLS. */
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../clock.ts';
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

export interface TlsAddress {
  readonly host: string;
  readonly port: number;
}

export interface TlsConnectOptions {
  readonly address: TlsAddress;
  /** The name that the peer's certificate must hold. */
  readonly peerName: string;
  readonly identity: TlsIdentity;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Opens a byte stream to the peer at an address, and resolves when each side has accepted the other. Rejects with BerthError
 * `busy` that says who did not trust whom, or with the signal's reason.
 */
export function connectTls(options: TlsConnectOptions): Promise<Duplex> {
  const { address, peerName, signal, clock = systemClock } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = dial(address, peerName, options.identity);
    let trusted = false;
    const fail = (reason: unknown): void => {
      settle();
      socket.destroy();
      reject(reason);
    };
    const aborted = (): void => fail(signal.reason);
    const late = (): void => fail(unreachable(address, `no answer within ${CONNECT_LIMIT / 1_000} s`));
    const broken = (error: Error): void => fail(unreachable(address, wordsFor(error, trusted), error));
    const ended = (): void => fail(unreachable(address, NOT_ACCEPTED));
    const answered = (): void => {
      // What follows the byte stays in the stream for whoever reads it next.
      if ((socket.read(1) as Buffer | null)?.[0] !== ACCEPTED) return ended();
      settle();
      resolve(socket);
    };
    const cancelLimit = clock.after(CONNECT_LIMIT, late);
    const settle = (): void => {
      cancelLimit();
      signal.removeEventListener('abort', aborted);
      socket.off('error', broken).off('close', ended).off('readable', answered);
      socket.on('error', () => {});
    };
    signal.addEventListener('abort', aborted);
    socket.on('error', broken).on('close', ended);
    socket.once('secureConnect', () => {
      trusted = true;
      socket.once('readable', answered);
    });
  });
}

const NOT_ACCEPTED = 'it does not accept our certificate; its log says why';

/** Once we trust the peer, a connection that breaks is one that the peer refuses. */
function wordsFor(error: Error, trusted: boolean): string {
  const code = codeOf(error);
  return trusted && (code === 'ECONNRESET' || code === 'EPIPE')
    ? NOT_ACCEPTED
    : reasonOf(code, error.message);
}

function dial(address: TlsAddress, peerName: string, identity: TlsIdentity): TLSSocket {
  const socket = connect({
    ...address,
    ...secureContext(identity),
    ...(isIP(peerName) ? {} : { servername: peerName }),
    checkServerIdentity: (_host, cert) => checkPeer(peerName, cert),
    ALPNProtocols: [PROTOCOL],
  });
  return socket.setNoDelay(true).setKeepAlive(true, TCP_KEEPALIVE);
}

function unreachable({ host, port }: TlsAddress, why: string, cause?: unknown): BerthError {
  return new BerthError('busy', `no trusted connection to ${host}:${port}: ${why}`, {
    cause,
    hint: 'See whether the pod runs, the network lets us through, and both sides have current certificates.',
  });
}
