/** The revisions of the modern era: which there are, and what a header says. */
import { BerthError } from '../../errors.ts';

/** The first, and so far the only, revision of the modern era. */
export const MODERN_REVISION = '2026-07-28';

/** Whether an `MCP-Protocol-Version` header claims the modern era. Revisions are dates, which sort; unknown ones count as newer. */
export function claimsModern(header: string | string[] | undefined): boolean {
  return typeof header === 'string' && header >= MODERN_REVISION;
}

/** Throws `unknown-version` for a revision that is not spoken with an envelope; older ones begin with `initialize`. */
export function checkRevision(requested: string): void {
  if (requested === MODERN_REVISION) return;
  throw new BerthError('unknown-version', 'this protocol revision is not served with an envelope', {
    data: { supported: [MODERN_REVISION], requested },
  });
}
