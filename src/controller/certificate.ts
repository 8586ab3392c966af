/** X.509 certificates of links: an authority, and what it signs. Loaded only where links go over the network. */
import { createPrivateKey, KeyObject, webcrypto, X509Certificate } from 'node:crypto';

/** A certificate and its private key; both PEM. */
export interface KeyedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Milliseconds since 1970. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** The library registers its parts by decorators, which want the polyfill before it. */
async function library() {
  await import('reflect-metadata');
  return await import('@peculiar/x509');
}

/** Signs itself, and may sign nothing but ends of links: no further authorities. */
export async function createAuthority(name: string, { from, until }: Validity): Promise<KeyedCertificate> {
  const x509 = await library();
  const keys = await newKeys();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(from),
    notAfter: new Date(until),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${made.toString('pem')}\n`, key: pemOf(keys.privateKey) };
}

export interface CertificateOrder extends Validity {
  /** The DNS name that the other end looks for. */
  readonly name: string;
  /** The only end of a link that it is good for. */
  readonly usage: 'server' | 'client';
}

/** A new key with a certificate that the authority has signed. */
export async function issueCertificate(
  authority: KeyedCertificate,
  { name, usage, from, until }: CertificateOrder,
): Promise<KeyedCertificate> {
  const x509 = await library();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const made = await x509.X509CertificateGenerator.create({
    // The subject alternative name alone counts, and it may be longer than a common name.
    subject: 'CN=end of a link',
    issuer: issuer.subject,
    notBefore: new Date(from),
    notAfter: new Date(until),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey: createPrivateKey(authority.key).toCryptoKey(CURVE, false, ['sign']),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage[usage === 'server' ? 'serverAuth' : 'clientAuth'],
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { cert: `${made.toString('pem')}\n`, key: pemOf(keys.privateKey) };
}

/** Throws for what is no certificate. */
export function validityOf(cert: string): Validity {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return { from: validFromDate.getTime(), until: validToDate.getTime() };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
}

function pemOf(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
