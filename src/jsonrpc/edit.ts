/** Edits of a scanned message: replace, insert and remove by byte range; every other byte passes as it came. */

/** Replaces `[start, end)` by `text`; equal positions insert, an empty text removes. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Above this size the parts are passed on as they are instead of being copied into one buffer. */
const COPY_BELOW = 16 * 1024;

/** Applies edits (in ascending, non-overlapping order) to `bytes[from, to)`. */
export function applyEdits(bytes: Buffer, edits: readonly Edit[], from = 0, to = bytes.length): Buffer[] {
  if (edits.length === 0) return [from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to)];
  return to - from <= COPY_BELOW ? [copyEdited(bytes, edits, from, to)] : splitEdited(bytes, edits, from, to);
}

function copyEdited(bytes: Buffer, edits: readonly Edit[], from: number, to: number): Buffer {
  let size = to - from;
  for (const edit of edits) size += Buffer.byteLength(edit.text) - (edit.end - edit.start);
  const out = Buffer.allocUnsafe(size);
  let at = from;
  let written = 0;
  for (const edit of edits) {
    written += bytes.copy(out, written, at, edit.start);
    written += out.write(edit.text, written);
    at = edit.end;
  }
  bytes.copy(out, written, at, to);
  return out;
}

function splitEdited(bytes: Buffer, edits: readonly Edit[], from: number, to: number): Buffer[] {
  const parts: Buffer[] = [];
  let at = from;
  for (const edit of edits) {
    if (edit.start > at) parts.push(bytes.subarray(at, edit.start));
    if (edit.text !== '') parts.push(Buffer.from(edit.text));
    at = edit.end;
  }
  if (to > at) parts.push(bytes.subarray(at, to));
  return parts;
}

/** Edits of several hands in the order that {@link applyEdits} needs: what is inserted at a place stands before what is taken out from there on. */
export function inOrder(edits: readonly Edit[]): Edit[] {
  return edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

/** Total bytes of the parts. */
export function byteLength(parts: readonly Uint8Array[]): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

/** The parts in one buffer that shares its memory with no other. */
export function ownMemory(parts: readonly Uint8Array[]): Buffer {
  const own = Buffer.allocUnsafeSlow(byteLength(parts));
  let at = 0;
  for (const part of parts) {
    own.set(part, at);
    at += part.length;
  }
  return own;
}
