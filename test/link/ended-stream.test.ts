/** A byte stream whose far end goes while something is being written: a program that uses it must not end with it. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acceptCarrier, openCarrier } from '../../src/link/carrier.ts';

/** Bytes go to the other half in a turn of their own. The end of writing takes a while, as that of an exec does. */
class Half extends Duplex {
  other: Half | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    setImmediate(() => this.other?.push(chunk));
    done();
  }

  override _final(done: () => void): void {
    setTimeout(done, 20);
  }

  override _read(): void {}
}

const options = { allowHalfOpen: false };
let uncaught: unknown[];
const note = (thrown: unknown): void => void uncaught.push(thrown);
/** Of the program that runs the tests. */
let others: NodeJS.UncaughtExceptionListener[];

beforeEach(() => {
  uncaught = [];
  others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', note);
});
afterEach(() => {
  process.off('uncaughtException', note);
  for (const other of others) process.on('uncaughtException', other);
});

it.each(['a ping', 'a record'])('%s is on its way when the stream ends', async (what) => {
  const [near, far] = [new Half(options), new Half(options)];
  near.other = far;
  far.other = near;
  const server = acceptCarrier(far);
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.resume();
    stream.on('error', () => {});
  });
  const client = openCarrier(near);
  const stream = client.request({ ':method': 'POST', ':path': '/conversation' }, { endStream: false });
  stream.on('error', () => {}).resume();
  await once(stream, 'response');
  const ended = once(client, 'close');
  let writes = 0;
  const write = (): void => {
    if (client.destroyed || stream.destroyed) return;
    writes++;
    if (what === 'a ping') client.ping(() => {});
    else stream.write('more');
    setImmediate(write);
  };
  write();
  far.other = undefined;
  near.push(null);
  await ended;
  // The writes that were queued have their turn.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([uncaught, near.destroyed, writes > 0]).toEqual([[], true, true]);
  far.destroy();
});
