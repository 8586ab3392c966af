/** Reads a process's stderr into its ring without letting a flood take the gateway's CPU. */
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { StderrRing } from './stderr-ring.ts';

const SLOT_MS = 100;
/** 20 MiB a second: a server that writes more is slowed down, its neighbours are not. */
const SLOT_BYTES = 2 * 1024 * 1024;

/** Resolves when the stream has ended; never rejects. */
export function readStderr(stream: Readable, ring: StderrRing, clock: Clock): Promise<void> {
  let slotEnd = 0;
  let taken = 0;
  stream.on('data', (chunk: Buffer) => {
    ring.write(chunk);
    const now = clock.now();
    if (now >= slotEnd) {
      slotEnd = now + SLOT_MS;
      taken = 0;
    }
    taken += chunk.length;
    if (taken < SLOT_BYTES) return;
    stream.pause();
    clock.after(slotEnd - now, () => stream.resume());
  });
  return new Promise((resolve) => {
    const done = (): void => {
      ring.end();
      resolve();
    };
    stream.once('close', done);
    stream.on('error', () => {});
  });
}
