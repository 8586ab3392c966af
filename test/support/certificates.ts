/** X.509 certificates for tests, made on the spot: just enough DER for TLS. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Subject and, unless it is an authority, the DNS name. */
  readonly name: string;
  readonly issuer?: Certificate & { readonly name: string };
  /** Days from now; negative: expired. */
  readonly days?: number;
  /** The only end of a connection that it is for; both unless given. */
  readonly usage?: 'server' | 'client';
}

const DAY = 86_400_000;
const PURPOSE = { server: '2b06010505070301', client: '2b06010505070302' } as const;
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

/** Without an issuer an authority that signs itself. */
export function certificate({
  name,
  issuer,
  days = 30,
  usage,
}: CertificateOptions): Certificate & { name: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = issuer ? createPrivateKey(issuer.key) : privateKey;
  const body = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    commonName(issuer?.name ?? name),
    sequence(time(Date.now() - 60 * DAY), time(Date.now() + days * DAY)),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions(name, issuer === undefined, usage))),
  );
  const signature = sign('sha256', body, { key: signer, dsaEncoding: 'der' });
  const der = sequence(body, ECDSA_SHA256, tag(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return { name, cert: pem(der), key: pemKey(privateKey) };
}

/** True when the key belongs to the certificate: a check of this file itself. */
export function belongs({ cert, key }: Certificate): boolean {
  const own = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
  return createPublicKey(cert).export({ type: 'spki', format: 'der' }).equals(own);
}

function extensions(name: string, authority: boolean, usage: CertificateOptions['usage']): Buffer[] {
  const constraints = sequence(...(authority ? [tag(0x01, Buffer.from([0xff]))] : []));
  const basic = sequence(oid('551d13'), tag(0x01, Buffer.from([0xff])), octets(constraints));
  if (authority) return [basic];
  const names = sequence(oid('551d11'), octets(sequence(tag(0x82, Buffer.from(name)))));
  return usage
    ? [basic, names, sequence(oid('551d25'), octets(sequence(oid(PURPOSE[usage]))))]
    : [basic, names];
}

function commonName(name: string): Buffer {
  return sequence(tag(0x31, sequence(oid('550403'), tag(0x0c, Buffer.from(name)))));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return tag(0x18, Buffer.from(text));
}

function sequence(...parts: Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(parts));
}

function context(number: number, inner: Buffer): Buffer {
  return tag(0xa0 + number, inner);
}

function octets(inner: Buffer): Buffer {
  return tag(0x04, inner);
}

function integer(bytes: Buffer): Buffer {
  return tag(0x02, bytes);
}

function oid(hex: string): Buffer {
  return tag(0x06, Buffer.from(hex, 'hex'));
}

function tag(kind: number, inner: Buffer): Buffer {
  const size = inner.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([kind, ...length]), inner]);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function pemKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
