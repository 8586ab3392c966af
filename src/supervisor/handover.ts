/**
 * Takes over the standard streams of `berth-spawn join`, which `kubectl exec` runs: the supervisor opens both pipes itself, and no
 * process stands between them and the link. The other end is `spawn/handover.c`.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import { listenUnixSocket } from '../link/unix-socket.ts';
import { JoinedPipes } from './joined-pipes.ts';

/** Said once both pipes are open; nothing is read before the answer to it, as `join` may have given up meanwhile. */
const TAKEN = 'T';
/** Process id, inode of its standard input and of its output, milliseconds of silence after which it is to end. */
const OFFER = /^(\d+) (\d+) (\d+) (\d+)\n(\n?)$/;
const LONGEST_OFFER = 128;
/** Milliseconds from the connection to the confirmed offer; `join` itself waits five seconds, and relays then. */
const OFFER_MS = 60_000;

/** Where `join` looks for a supervisor whose link listens at `socket`. */
export function handoverPath(socket: string): string {
  return `${socket}.join`;
}

/** Rejects like {@link listenUnixSocket}. Whoever offers something that cannot be opened is left alone, and relays its bytes itself. */
export function listenHandover(
  socket: string,
  accept: (stream: Duplex) => void,
  clock: Clock = systemClock,
): Promise<Server> {
  return listenUnixSocket(handoverPath(socket), (connection) => {
    let said = '';
    let taken: OpenPipes | undefined;
    connection.on('error', () => {});
    const giveUp = (): void => taken?.close();
    connection.once('close', giveUp);
    const cancel = clock.after(OFFER_MS, () => connection.destroy());
    connection.once('close', cancel);
    connection.on('data', function read(chunk: Buffer) {
      said += chunk.toString('latin1');
      const offer = OFFER.exec(said);
      if (!offer) {
        if (said.length > LONGEST_OFFER || said.includes('\n')) connection.destroy();
        return;
      }
      const [, pid = '', input = '', output = '', idleMs, confirmed] = offer;
      if (!taken) {
        taken = openPipes({ pid, input, output });
        if (!taken) return void connection.destroy();
        connection.write(TAKEN);
      }
      if (!confirmed) return;
      connection.off('data', read);
      connection.off('close', giveUp);
      connection.off('close', cancel);
      cancel();
      const { reading, writing } = taken;
      accept(
        new JoinedPipes({
          input: new Socket({ fd: reading, readable: true, writable: false }),
          output: new Socket({ fd: writing, readable: false, writable: true }),
          control: connection,
          idleMs: Number(idleMs),
          clock,
        }),
      );
    });
  });
}

interface OpenPipes {
  readonly reading: number;
  readonly writing: number;
  close(): void;
}

/** Undefined where a process does not have what it says, or it cannot be opened: sockets, another user's process, a hidden /proc. */
function openPipes(offer: {
  readonly pid: string;
  readonly input: string;
  readonly output: string;
}): OpenPipes | undefined {
  const open: number[] = [];
  const close = (): void => {
    for (const fd of open.splice(0)) closeSync(fd);
  };
  const take = (fd: number, inode: string, access: number): number => {
    const opened = openSync(`/proc/${offer.pid}/fd/${fd}`, access | constants.O_NONBLOCK);
    open.push(opened);
    const found = fstatSync(opened, { bigint: true });
    if (!found.isFIFO() || String(found.ino) !== inode) throw new Error('not the pipe that was offered');
    return opened;
  };
  try {
    const reading = take(0, offer.input, constants.O_RDONLY);
    return { reading, writing: take(1, offer.output, constants.O_WRONLY), close };
  } catch {
    close();
    return undefined;
  }
}
