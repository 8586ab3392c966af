import { createSealKey } from '../../src/auth/key-ring.ts';
import { createOwnSeal, type OwnSeal } from '../../src/auth/own-seal.ts';
import { createSealer } from '../../src/auth/seal.ts';

/** With a key that nobody else has. */
export function ownSeal(): OwnSeal {
  return createOwnSeal(createSealer({ keys: [createSealKey()] }));
}
