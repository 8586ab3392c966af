/** Members of an object and elements of an array inside a message that has been scanned: where they stand, without a parse. */
import type { Edit } from './edit.ts';
import { readString } from './envelope.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Positions are byte indexes into the message. */
export interface Member {
  /** Decoded. */
  readonly name: string;
  /** The quote before the name. */
  readonly start: number;
  readonly valueStart: number;
  /** Behind the value. */
  readonly end: number;
}

export interface Element {
  readonly start: number;
  readonly end: number;
}

/** Whether the value at `start` is an object. */
export function isObjectAt(bytes: Buffer, start: number): boolean {
  return start >= 0 && bytes[start] === 0x7b;
}

/** Whether the value at `start` is an array. */
export function isArrayAt(bytes: Buffer, start: number): boolean {
  return start >= 0 && bytes[start] === 0x5b;
}

/** The members of the object that begins at `start`, in order; none for anything else. The text must have passed a scan. */
export function membersOf(bytes: Buffer, start: number): Member[] {
  const members: Member[] = [];
  if (!isObjectAt(bytes, start)) return members;
  for (let at = skipSpace(bytes, start + 1); bytes[at] === QUOTE; ) {
    const nameEnd = endOfString(bytes, at);
    const colon = skipSpace(bytes, nameEnd);
    const valueStart = skipSpace(bytes, bytes[colon] === COLON ? colon + 1 : colon);
    const end = endOfValue(bytes, valueStart);
    members.push({ name: readString(bytes, at, nameEnd), start: at, valueStart, end });
    at = nextOf(bytes, end);
  }
  return members;
}

/** The elements of the array that begins at `start`, in order; none for anything else. The text must have passed a scan. */
export function elementsOf(bytes: Buffer, start: number): Element[] {
  const elements: Element[] = [];
  if (!isArrayAt(bytes, start)) return elements;
  let at = skipSpace(bytes, start + 1);
  while (at < bytes.length && bytes[at] !== 0x5d) {
    const end = endOfValue(bytes, at);
    elements.push({ start: at, end });
    at = nextOf(bytes, end);
  }
  return elements;
}

/** The member of a name; of several the last, as `JSON.parse` has it. */
export function memberNamed(members: readonly Member[], name: string): Member | undefined {
  return members.findLast((member) => member.name === name);
}

/** Whether the object that begins at `start` has no members. */
export function isEmptyAt(bytes: Buffer, start: number): boolean {
  return bytes[skipSpace(bytes, start + 1)] === 0x7d;
}

/** The decoded string that begins at `start`; undefined for anything else. */
export function stringAt(bytes: Buffer, start: number): string | undefined {
  return bytes[start] === QUOTE ? readString(bytes, start, endOfString(bytes, start)) : undefined;
}

/** Edits that take out the members for which `isRemoved` holds, with the commas that go with them. */
export function removeMembers(
  members: readonly Member[],
  isRemoved: (member: Member, index: number) => boolean,
): Edit[] {
  const edits: Edit[] = [];
  for (let from = 0; from < members.length; from++) {
    if (!isRemoved(members[from] as Member, from)) continue;
    let to = from;
    while (to + 1 < members.length && isRemoved(members[to + 1] as Member, to + 1)) to++;
    edits.push({ ...rangeOf(members, from, to), text: '' });
    from = to;
  }
  return edits;
}

/** The edit that puts `text` (one or more members, without outer commas) first into the object at `start`. `empty`: nothing is left in it. */
export function insertMembers(start: number, text: string, empty: boolean): Edit {
  return { start: start + 1, end: start + 1, text: empty ? text : `${text},` };
}

function rangeOf(
  members: readonly Member[],
  from: number,
  to: number,
): { readonly start: number; readonly end: number } {
  const next = members[to + 1];
  const first = members[from] as Member;
  if (next) return { start: first.start, end: next.start };
  return { start: members[from - 1]?.end ?? first.start, end: (members[to] as Member).end };
}

function nextOf(bytes: Buffer, end: number): number {
  const at = skipSpace(bytes, end);
  return bytes[at] === COMMA ? skipSpace(bytes, at + 1) : at;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (let c = bytes[at]; c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d; c = bytes[at]) at++;
  return at;
}

/** Behind the value that begins at `start`. */
function endOfValue(bytes: Buffer, start: number): number {
  const first = bytes[start];
  if (first === QUOTE) return endOfString(bytes, start);
  if (first === 0x7b || first === 0x5b) return endOfNested(bytes, start);
  let at = start;
  while (at < bytes.length && !isEnd(bytes[at] as number)) at++;
  return at;
}

function endOfNested(bytes: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  while (at < bytes.length) {
    const c = bytes[at];
    if (c === QUOTE) {
      at = endOfString(bytes, at);
      continue;
    }
    at++;
    if (c === 0x7b || c === 0x5b) depth++;
    else if ((c === 0x7d || c === 0x5d) && --depth === 0) return at;
  }
  return at;
}

function endOfString(bytes: Buffer, start: number): number {
  let quote = bytes.indexOf(QUOTE, start + 1);
  while (quote > 0 && isEscaped(bytes, start, quote)) quote = bytes.indexOf(QUOTE, quote + 1);
  return quote < 0 ? bytes.length : quote + 1;
}

function isEscaped(bytes: Buffer, start: number, quote: number): boolean {
  let slashes = 0;
  for (let at = quote - 1; at > start && bytes[at] === BACKSLASH; at--) slashes++;
  return slashes % 2 === 1;
}

function isEnd(c: number): boolean {
  return c === COMMA || c === 0x7d || c === 0x5d || c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d;
}
