/** Writing events to a client in pieces, so that a slow but living connection shows progress and a dead one does not. */
import type { Writable } from 'node:stream';
import type { Attachment } from '../sessions/reader.ts';

/** Bytes that are written at once; each piece that has left gives its credit back. */
const PIECE = 64 * 1024;

/** Writes one event's bytes (with what frames it) and credits the attachment as they leave; the last piece acknowledges `seq`. */
export function writeFlow(
  out: Writable,
  parts: readonly Buffer[],
  credit: { readonly attachment: Attachment | undefined; readonly bytes: number; readonly seq: number },
): void {
  const { attachment, bytes, seq } = credit;
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  if (total <= PIECE) {
    out.write(join(parts, total), (error) => {
      if (!error) attachment?.credit(bytes, seq);
    });
    return;
  }
  const pieces = cut(parts, PIECE);
  // What frames the event costs no credit: the last piece settles the difference.
  let left = bytes;
  pieces.forEach((piece, index) => {
    const last = index === pieces.length - 1;
    const share = last ? left : Math.min(left, piece.length);
    left -= share;
    out.write(piece, (error) => {
      if (!error) attachment?.credit(share, last ? seq : undefined);
    });
  });
}

/** One buffer of all parts; a single part is passed on as it is. */
export function join(parts: readonly Buffer[], total: number): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, total);
}

/** Cuts parts into pieces of at most `size` bytes, without copying. */
export function cut(parts: readonly Buffer[], size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (const part of parts)
    for (let at = 0; at < part.length; at += size) pieces.push(part.subarray(at, at + size));
  return pieces;
}
