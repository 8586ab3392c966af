/** The names under which a group shows what its servers call otherwise. */
import { createHash } from 'node:crypto';
import type { GroupMember } from './group-spec.ts';

/** Models are given names of at most so many of these characters. */
const MOST = 64;
const ALLOWED = /^[A-Za-z0-9_-]+$/;
const HASH_LENGTH = 8;

export function prefixOf({ server, prefix }: GroupMember): string {
  return prefix ?? `${server}__`;
}

/**
 * The name of a tool or prompt in a group: the prefix and its own name. One that is too long or has other characters is cut and
 * replaced, and ends with a hash of what it was, so that it stays the same and different from others.
 */
export function exposedName(member: GroupMember, own: string): string {
  const plain = `${prefixOf(member)}${own}`;
  return plain.length <= MOST && ALLOWED.test(plain) ? plain : withHash(member, own);
}

/** The name when {@link exposedName} is another one's already. */
export function withHash(member: GroupMember, own: string): string {
  const hash = createHash('sha256').update(`${member.server}\0${own}`).digest('hex').slice(0, HASH_LENGTH);
  const plain = `${prefixOf(member)}${own}`.replace(/[^A-Za-z0-9_-]/g, '_');
  return `${plain.slice(0, MOST - HASH_LENGTH - 1)}_${hash}`;
}

/** Gives names, never two alike: the first one has the plain name. */
export class NameTable {
  readonly #taken = new Set<string>();

  add(member: GroupMember, own: string): string {
    const plain = exposedName(member, own);
    const name = this.#taken.has(plain) ? withHash(member, own) : plain;
    this.#taken.add(name);
    return name;
  }
}
