/**
 * What goes over the connections to `berth-spawn` (`spawn/request.h`, `spawn/records.h`): a preface on each, a request and
 * records on the control connection, and nothing but the process's own bytes on its input and output.
 */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Graces } from './kill-set-ladder.ts';
import type { Launch } from './launch.ts';
import type { ProcessExit } from './server-process.ts';

/** The step at which the helper failed; see `enum step` in `spawn/records.h`. */
export type SpawnStep = 'refused' | 'request' | 'limit' | 'system' | 'folder' | 'program' | 'interpreter';

/** What the helper says over a control connection. */
export type SpawnRecord =
  | { readonly kind: 'token'; readonly token: Buffer }
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'failed'; readonly step: SpawnStep; readonly code: string; readonly text: string }
  | { readonly kind: 'stderr'; readonly bytes: Buffer }
  | { readonly kind: 'exited'; readonly exit: ProcessExit }
  | { readonly kind: 'over'; readonly left: number };

/** Where the helper listens, as Node takes it: `@name` is no file but a name of the network namespace, which goes with the helper. */
export function helperPath(socket: string): string {
  return socket.startsWith('@') ? `\0${socket.slice(1)}` : socket;
}

/** Bytes of one request; more is refused by the helper. */
export const MAX_REQUEST = 1024 * 1024;
const HEAD = 5;
const MAX_RECORD = 64 * 1024;
const MAX_TEXT = 120;
const STEPS: Readonly<Record<string, SpawnStep>> = {
  u: 'refused',
  b: 'request',
  l: 'limit',
  s: 'system',
  c: 'folder',
  x: 'program',
  i: 'interpreter',
};
const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** The first bytes of a connection that is held as long as the supervisor lives. */
export const PRESENCE_PREFACE: Buffer = Buffer.from('BS1P');
/** The first byte of a helper's answer to it. */
export const WELCOME: number = 'W'.charCodeAt(0);

/** The first bytes of a process's input or output connection. */
export function dataPreface(kind: 'input' | 'output', token: Buffer): Buffer {
  return Buffer.concat([Buffer.from(kind === 'input' ? 'BS1I' : 'BS1O'), token]);
}

/** All that a control connection says to have a process started; its length says whether it is too long. */
export function controlPreface(launch: Launch, graces: Graces): Buffer {
  const times = Buffer.concat([numberBytes(graces.eof), numberBytes(graces.term)]);
  const request = Buffer.concat([
    ...[launch.file, ...launch.args].map((text) => record('A', Buffer.from(text))),
    ...Object.entries(launch.env).map(([name, value]) => record('E', Buffer.from(`${name}=${value}`))),
    record('C', Buffer.from(launch.cwd)),
    record('G', times),
  ]);
  return Buffer.concat([Buffer.from('BS1C'), numberBytes(request.length), request]);
}

/** A command to the keeper of a process; `signal` goes to the process itself. */
export function commandBytes(command: 'stop' | 'kill' | { readonly signal: NodeJS.Signals }): Buffer {
  if (command === 'stop') return record('S', Buffer.alloc(0));
  if (command === 'kill') return record('K', Buffer.alloc(0));
  return record('I', numberBytes(constants.signals[command.signal]));
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function record(kind: string, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(kind), numberBytes(content.length), content]);
}

/** Cuts the bytes of a control connection into records, whatever pieces they come in. */
export class SpawnRecordReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Throws when it is not the helper that speaks. */
  push(chunk: Buffer): SpawnRecord[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: SpawnRecord[] = [];
    for (let size = recordSize(bytes); size !== undefined && size <= bytes.length; size = recordSize(bytes)) {
      records.push(toRecord(bytes.subarray(0, size)));
      bytes = bytes.subarray(size);
    }
    this.#rest = bytes;
    return records;
  }
}

function recordSize(bytes: Buffer): number | undefined {
  if (bytes.length < HEAD) return undefined;
  const size = HEAD + bytes.readUInt32BE(1);
  if (size > MAX_RECORD) throw new Error(`a record of ${size} bytes`);
  return size;
}

function toRecord(bytes: Buffer): SpawnRecord {
  const kind = String.fromCharCode(bytes[0] ?? 0);
  const content = bytes.subarray(HEAD);
  switch (kind) {
    case 'T':
      return { kind: 'token', token: Buffer.from(content) };
    case 'P':
      return { kind: 'started', pid: content.readUInt32BE() };
    case 'F':
      return toFailure(content);
    case 'E':
      return { kind: 'stderr', bytes: content };
    case 'X':
      return { kind: 'exited', exit: toExit(content) };
    case 'Z':
      return { kind: 'over', left: content.readUInt32BE() };
    default:
      throw new Error(`a record of kind ${JSON.stringify(kind)}`);
  }
}

function toFailure(content: Buffer): SpawnRecord {
  const step = STEPS[String.fromCharCode(content[0] ?? 0)] ?? 'system';
  const error = content.readInt32BE(1);
  const code = error > 0 ? getSystemErrorName(-error) : 'unknown error';
  // It comes from the container of the server, which nobody trusts.
  const text = content.toString('latin1', HEAD, HEAD + MAX_TEXT).replace(/[^ -~]/g, '?');
  return { kind: 'failed', step, code, text };
}

function toExit(content: Buffer): ProcessExit {
  const value = content.readUInt32BE(1);
  if (content[0] === 'c'.charCodeAt(0)) return { code: value, signal: null };
  return { code: null, signal: SIGNALS.get(value) ?? `signal ${value}` };
}
