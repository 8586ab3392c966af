/** Names that no other run uses, and whether a name is one of another run. */
import { randomBytes } from 'node:crypto';

const OWN = new Set<string>();
const OF_A_RUN = /\b(?:bt|berth-test)-[0-9a-f]{8}/g;

export function ownName(prefix: 'bt' | 'berth-test'): string {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  OWN.add(name);
  return name;
}

/** Whether a text has a name of this run. */
export function isOwn(text: string): boolean {
  return (text.match(OF_A_RUN) ?? []).some((name) => OWN.has(name));
}

/** Whether a text has the name of a run, and of none but others: several may share a cluster. */
export function isOfOthers(text: string): boolean {
  return text.match(OF_A_RUN) !== null && !isOwn(text);
}
