/** Texts that the API server takes up to a length. */

const MARK = '…';
const isWithin = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** At most `most` bytes of UTF-8: no character is cut through, and what was cut ends with `…`. */
export function cutText(text: string, most: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= most) return text;
  let end = most - Buffer.byteLength(MARK);
  while (end > 0 && isWithin(bytes[end])) end--;
  return `${bytes.toString('utf8', 0, end)}${MARK}`;
}
