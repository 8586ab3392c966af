/** The certificate that clients are shown, where the gateway itself serves HTTPS: a folder that somebody else renews. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { type MountedFiles, watchMounted } from '../mounted-files.ts';

/** Both PEM; the certificate first, then those that lead to its authority. */
export interface ServedCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface ServedCertificateOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly onRenewed: (certificate: ServedCertificate) => void;
  /** What is there now cannot be used; what was there goes on. Told once for each change. */
  readonly onError: (error: BerthError) => void;
}

/** As Kubernetes and its tools name them. */
const FILES = { cert: 'tls.crt', key: 'tls.key' } as const;
const HINT = 'The folder needs tls.crt and tls.key in PEM, as in a Secret of type kubernetes.io/tls.';

/** Rejects with `bad-setting` when there is none, or its key is another one's. */
export function watchServedCertificate({
  folder,
  ...watch
}: ServedCertificateOptions): Promise<MountedFiles<ServedCertificate>> {
  return watchMounted({
    ...watch,
    read: () => readCertificate(folder),
    isSame: (a, b) => a.cert === b.cert && a.key === b.key,
  });
}

/** A folder that is swapped between both reads gives files that do not belong together: the next look has them. */
async function readCertificate(folder: string): Promise<ServedCertificate> {
  const [cert, key] = await Promise.all([read(folder, FILES.cert), read(folder, FILES.key)]);
  let belongs: boolean;
  try {
    belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new BerthError('bad-setting', `${folder} holds no certificate with its key`, { cause, hint: HINT });
  }
  if (belongs) return { cert, key };
  throw new BerthError('bad-setting', `in ${folder} certificate and key do not belong together`, {
    hint: HINT,
  });
}

async function read(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new BerthError('bad-setting', `${path} cannot be read`, { cause, hint: HINT });
  }
}
