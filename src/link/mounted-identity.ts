/** Certificates that somebody else renews: a mounted folder, looked at again for as long as the program runs. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { type MountedFiles, watchMounted } from '../mounted-files.ts';
import type { TlsIdentity } from './tls-identity.ts';

/** Names of the files, as Kubernetes and its tools have them. */
export const IDENTITY_FILES = { cert: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

export interface MountedIdentityOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** The certificates were renewed. */
  readonly onRenewed?: (identity: TlsIdentity) => void;
  /** What is there now cannot be used; what was there goes on. Told once for each change. */
  readonly onError?: (error: BerthError) => void;
}

export type MountedIdentity = MountedFiles<TlsIdentity>;

/** Rejects with `bad-setting` when there are no certificates, or they do not belong together. */
export function watchIdentity({ folder, ...watch }: MountedIdentityOptions): Promise<MountedIdentity> {
  return watchMounted({ ...watch, read: () => readIdentity(folder), isSame });
}

/** A folder that is swapped between two of the reads gives files that do not belong together: the next look has them. */
async function readIdentity(folder: string): Promise<TlsIdentity> {
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (cause) {
      throw new BerthError('bad-setting', `${join(folder, name)} cannot be read`, { cause, hint: HINT });
    }
  };
  const { cert, key, ca } = IDENTITY_FILES;
  const identity = { cert: await read(cert), key: await read(key), ca: await read(ca) };
  check(identity, folder);
  return identity;
}

const HINT = 'The controller makes these certificates where the link goes over the network.';

function check({ cert, key, ca }: TlsIdentity, folder: string): void {
  let belongs: boolean;
  try {
    new X509Certificate(ca);
    belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new BerthError('bad-setting', `${folder} holds no certificate with its key and authority`, {
      cause,
      hint: HINT,
    });
  }
  if (!belongs)
    throw new BerthError('bad-setting', `in ${folder} certificate and key do not belong together`, {
      hint: HINT,
    });
}

function isSame(a: TlsIdentity, b: TlsIdentity): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
