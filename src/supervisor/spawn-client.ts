/** Has `berth-spawn` start a process: one control connection, and one each for its standard input and output. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { type Graces, pause } from './kill-set-ladder.ts';
import type { Launch } from './launch.ts';
import { SpawnControl, SpawnFailedError } from './spawn-control.ts';
import { toSpawnFailure } from './spawn-failure.ts';
import { controlPreface, dataPreface, helperPath, MAX_REQUEST } from './spawn-wire.ts';

/** A process that runs under the helper. */
export interface SpawnedStreams {
  readonly pid: number;
  readonly input: Socket;
  readonly output: Socket;
  readonly control: SpawnControl;
}

export interface SpawnClientOptions {
  /** The helper's socket: a path, or `@name`. */
  readonly socket: string;
  readonly graces: Graces;
  readonly clock: Clock;
  /** Milliseconds for which a helper that is not there (its container starts, or starts again) is waited for. */
  readonly connectMs?: number;
}

const CONNECT_MS = 15_000;
const FIRST_RETRY = 25;
const LONGEST_RETRY = 250;
/** Milliseconds from the connection to the running process. */
const START_MS = 30_000;
const PREFACE_HEAD = 8;

/** Starts a process. Rejects with `start-failed` (phase `spawn`) or `busy`, and a hint. */
export async function spawnOver(launch: Launch, options: SpawnClientOptions): Promise<SpawnedStreams> {
  const sockets: Socket[] = [];
  try {
    return await start(launch, options, sockets);
  } catch (thrown) {
    for (const socket of sockets) socket.destroy();
    throw thrown instanceof SpawnFailedError ? toSpawnFailure(launch, thrown.failure) : thrown;
  }
}

/** Every connection made is put into `sockets`. */
async function start(
  launch: Launch,
  options: SpawnClientOptions,
  sockets: Socket[],
): Promise<SpawnedStreams> {
  const preface = controlPreface(launch, options.graces);
  if (preface.length > PREFACE_HEAD + MAX_REQUEST) throw new SpawnFailedError({ kind: 'too-long' });
  const socket = await connectPatiently(options);
  sockets.push(socket);
  const control = new SpawnControl(socket);
  const stopLimit = options.clock.after(START_MS, () => control.end({ kind: 'late', ms: START_MS }));
  try {
    socket.write(preface);
    const token = await control.token;
    const [input, output] = await Promise.all([
      openData(options.socket, dataPreface('input', token), sockets),
      openData(options.socket, dataPreface('output', token), sockets),
    ]);
    // Nothing comes back over an input but its end, which is seen only by who reads.
    input.resume();
    return { pid: await control.started, input, output, control };
  } finally {
    stopLimit();
  }
}

async function openData(path: string, preface: Buffer, sockets: Socket[]): Promise<Socket> {
  const socket = await connect(path);
  sockets.push(socket);
  // The process's end tells what an error of its streams means.
  socket.on('error', () => {});
  socket.write(preface);
  return socket;
}

async function connectPatiently({
  socket,
  clock,
  connectMs = CONNECT_MS,
}: SpawnClientOptions): Promise<Socket> {
  const end = clock.now() + connectMs;
  for (let wait = FIRST_RETRY; ; wait = Math.min(2 * wait, LONGEST_RETRY)) {
    try {
      return await connect(socket);
    } catch (error) {
      if (clock.now() + wait >= end) throw error;
      await pause(clock, wait);
    }
  }
}

/** Rejects with {@link SpawnFailedError}. */
async function connect(path: string): Promise<Socket> {
  const socket = createConnection({ path: helperPath(path) });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (thrown) {
    socket.destroy();
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new SpawnFailedError({ kind: 'unreachable', socket: path, code });
  }
}
