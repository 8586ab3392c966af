/** What the gateway's own endpoints give their clients to bring back, for any gateway that has the same keys. */
import { principalDigest } from './principal.ts';
import type { Sealer } from './seal.ts';

export interface OwnSeal {
  /** A text of ASCII letters, digits, `-` and `_` that nobody can read or alter, a third longer than the content. */
  seal(purpose: string, caller: string, content: Buffer): string;
  /** The content; undefined for what was sealed for another purpose or caller, or by other keys. */
  open(purpose: string, caller: string, text: string): Buffer | undefined;
}

export function createOwnSeal(sealer: Pick<Sealer, 'sealServerState' | 'openServerState'>): OwnSeal {
  // No server has such an id.
  const idOf = (purpose: string): string => `berth own\0${purpose}`;
  return {
    seal: (purpose, caller, state) =>
      sealer.sealServerState(idOf(purpose), { replica: '', principal: principalDigest(caller), state }),
    open(purpose, caller, text) {
      const claims = sealer.openServerState(text, idOf(purpose));
      return claims?.principal === principalDigest(caller) ? claims.state : undefined;
    },
  };
}
