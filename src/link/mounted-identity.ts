/** Certificates that somebody else renews: a mounted folder, looked at again for as long as the program runs. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancel, Clock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { TlsIdentity } from './tls-identity.ts';

/** Names of the files, as Kubernetes and its tools have them. */
export const IDENTITY_FILES = { cert: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

/** Milliseconds between looks: a mounted Secret changes by the swap of a link, which nothing tells of reliably. */
const LOOK_EVERY = 5_000;

export interface MountedIdentityOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** The certificates were renewed. */
  readonly onRenewed?: (identity: TlsIdentity) => void;
  /** What is there now cannot be used; what was there goes on. Told once for each change. */
  readonly onError?: (error: BerthError) => void;
}

export interface MountedIdentity {
  readonly current: TlsIdentity;
  close(): void;
}

/** Rejects with `bad-setting` when there are no certificates, or they do not belong together. */
export async function watchIdentity(options: MountedIdentityOptions): Promise<MountedIdentity> {
  const { folder, clock, onRenewed, onError } = options;
  let current = await readIdentity(folder);
  let lastFault = '';
  const look = async (): Promise<void> => {
    try {
      const next = await readIdentity(folder);
      lastFault = '';
      if (isSame(next, current)) return;
      current = next;
      onRenewed?.(next);
    } catch (thrown) {
      const error = toBerthError(thrown);
      if (error.message !== lastFault) onError?.(error);
      lastFault = error.message;
    }
  };
  // One look at a time: of two the later one might read the older files.
  let turn: Promise<void> = Promise.resolve();
  const stop: Cancel = clock.every(LOOK_EVERY, () => {
    turn = turn.then(look);
  });
  return {
    get current() {
      return current;
    },
    close: stop,
  };
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
