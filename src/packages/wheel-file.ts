/** Reads one file out of a wheel (a zip archive) by its exact name; nothing is ever written by a name from the archive. */

import { crc32, inflateRawSync } from 'node:zlib';

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;
const STORED = 0;
const DEFLATED = 8;

interface Entry {
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

/** The bytes of the named file. Throws a RangeError for an absent file, a damaged archive, or one above `maxBytes`. */
export function readWheelFile(archive: Buffer, name: string, maxBytes: number): Buffer {
  const entry = findEntry(archive, name);
  if (!entry) throw new RangeError(`the archive has no ${name}`);
  if (entry.size > maxBytes) throw new RangeError(`${name} is larger than ${maxBytes} bytes`);
  const packed = packedBytes(archive, entry);
  const bytes = entry.method === STORED ? packed : inflate(packed, entry);
  if (bytes.length !== entry.size || crc32(bytes) !== entry.crc) throw new RangeError(`${name} is damaged`);
  return bytes;
}

function inflate(packed: Buffer, entry: Entry): Buffer {
  if (entry.method !== DEFLATED) throw new RangeError(`unknown compression ${entry.method}`);
  return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
}

function findEntry(archive: Buffer, name: string): Entry | undefined {
  const end = findEnd(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    if (archive.readUInt32LE(at) !== CENTRAL_SIGNATURE) throw new RangeError('damaged archive');
    const nameBytes = archive.readUInt16LE(at + 28);
    const more = archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    if (archive.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes) === name) {
      return toEntry(archive, at);
    }
    at += CENTRAL_BYTES + nameBytes + more;
  }
  return undefined;
}

function toEntry(archive: Buffer, at: number): Entry {
  return {
    method: archive.readUInt16LE(at + 10),
    crc: archive.readUInt32LE(at + 16),
    packed: archive.readUInt32LE(at + 20),
    size: archive.readUInt32LE(at + 24),
    offset: archive.readUInt32LE(at + 42),
  };
}

function findEnd(archive: Buffer): number {
  const lowest = Math.max(0, archive.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = archive.length - END_BYTES; at >= lowest; at -= 1) {
    if (archive.readUInt32LE(at) === END_SIGNATURE) return at;
  }
  throw new RangeError('no zip archive');
}

function packedBytes(archive: Buffer, entry: Entry): Buffer {
  if (archive.readUInt32LE(entry.offset) !== LOCAL_SIGNATURE) throw new RangeError('damaged archive');
  const name = archive.readUInt16LE(entry.offset + 26);
  const extra = archive.readUInt16LE(entry.offset + 28);
  const from = entry.offset + LOCAL_BYTES + name + extra;
  if (from + entry.packed > archive.length) throw new RangeError('damaged archive');
  return archive.subarray(from, from + entry.packed);
}
