/** Edits of lists whose items are told apart by one of their members. */
import type { Edit, Entry } from './client.ts';

/** Marks an item that is to go. */
const GONE = '';

/** The value of an edit that takes the item of that name out. */
export function goneItem(listKey: string, name: string): Entry {
  return { [listKey]: name, [GONE]: true };
}

/** Where the item of the edit is (-1: nowhere), and what is to stand there. */
export function listChange(
  items: readonly unknown[],
  { value, listKey = '' }: Edit,
): { readonly at: number; readonly item: Entry | undefined } {
  const item = value as Entry;
  const at = items.findIndex((one) => memberOf(one, listKey) === item[listKey]);
  return { at, item: GONE in item ? undefined : item };
}

/** An own member of an object. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Entry)[name];
}
