/** Who the two ends of a link over the network are to each other, and how one of them is refused in words. */
import { checkServerIdentity, type PeerCertificate, type SecureContextOptions } from 'node:tls';

/** Whoever speaks something else is refused in the handshake. */
export const PROTOCOL = 'berth-link';
/** The supervisor's first byte: TLS 1.3 tells a client nothing when it is refused, and this tells it when it is not. */
export const ACCEPTED = 0x2b;
/** Milliseconds from the first packet to a connection that both sides trust. */
export const CONNECT_LIMIT = 10_000;
/** Milliseconds between the probes that find a peer which has vanished. */
export const TCP_KEEPALIVE = 15_000;

/** Who this side is and whom it trusts; all PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  /** The only authorities that count: one, or two while the older one is replaced. */
  readonly ca: string;
}

/** In the certificate of whoever may call supervisors. */
export const CLIENT_NAME = 'client.link.berth';

/** In the certificate of the supervisor of one server: signed by the authority alone is not enough, as every pod's is. */
export function supervisorName(server: string): string {
  return `${server}.supervisor.link.berth`;
}

export function secureContext({ cert, key, ca }: TlsIdentity): SecureContextOptions {
  return { cert, key, ca, minVersion: 'TLSv1.3' };
}

/** A pod's address changes, its name does not: what counts is the name, whatever was dialled. */
export function checkPeer(peerName: string, cert: PeerCertificate): Error | undefined {
  return checkServerIdentity(peerName, cert);
}

/** What OpenSSL and Node call it, and what it is; "its" are the peer's. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: the clocks of the two machines differ',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of another authority',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is of another authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of another authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of another authority',
  CERT_SIGNATURE_FAILURE: 'its certificate is of another authority',
  INVALID_PURPOSE: 'its certificate is for the other end of a link',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is that of somebody else',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it has shown no certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate, and has been shown none',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'it speaks another protocol than links',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'it speaks HTTP without TLS',
};

/** In words, with what the libraries call it. */
export function reasonOf(code: string | undefined, message: string): string {
  const known = code === undefined ? undefined : REASONS[code];
  return known === undefined ? message : `${known} (${code})`;
}

/** The code of an error of Node's, where it has one. */
export function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
