/** An authority for the links of one test, as the controller of a release has one. */
import { LinkAuthority, renewAuthorities } from '../../../src/controller/link-authority.ts';

const LIFE = 24 * 3_600_000;

/** `age`: milliseconds that have passed since the certificates were signed which it signs. */
export async function createTestLinks(age = 0): Promise<LinkAuthority> {
  const now = (): number => Date.now() - age;
  return new LinkAuthority({ authorities: await renewAuthorities([], 'test', now()), life: LIFE, now });
}
