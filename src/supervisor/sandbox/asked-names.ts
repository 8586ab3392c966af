/** A name server that knows no name and notes each one that it is asked for (RFC 1035, as much as a question and "no such name" need). */

const HEADER_BYTES = 12;
const MOST_LABEL = 63;
const MOST_NAME = 253;
/** Response, recursion available, no such name. */
const NO_SUCH_NAME = 0x8083;

/** The name of the question; undefined for what is no question. */
export function askedName(packet: Buffer): string | undefined {
  if (packet.length < HEADER_BYTES || (packet.readUInt8(2) & 0x80) !== 0 || packet.readUInt16BE(4) !== 1)
    return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > MOST_LABEL || at + 1 + length > packet.length) return undefined;
    if (length === 0) break;
    labels.push(packet.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  const name = labels.join('.');
  return name.length > MOST_NAME || !/^[a-z0-9._-]+$/.test(name) ? undefined : name;
}

/** The answer to a packet of which {@link askedName} knows the name. */
export function noSuchName(packet: Buffer): Buffer {
  const end = packet.indexOf(0, HEADER_BYTES) + 5;
  const answer = Buffer.from(packet.subarray(0, end));
  answer.writeUInt16BE(NO_SUCH_NAME | (packet.readUInt16BE(2) & 0x7900), 2);
  // One question, no answers: whatever else the packet had (EDNS) is left out.
  answer.fill(0, 6, HEADER_BYTES);
  return answer;
}
