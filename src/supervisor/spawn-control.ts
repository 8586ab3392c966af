/** The control connection of one process under `berth-spawn`: what the helper tells of it, and what it is told. */
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { ProcessExit } from './server-process.ts';
import type { SpawnFailure } from './spawn-failure.ts';
import { commandBytes, type SpawnRecord, SpawnRecordReader } from './spawn-wire.ts';

/** Rejects the promises of {@link SpawnControl}. */
export class SpawnFailedError extends Error {
  readonly failure: SpawnFailure;

  constructor(failure: SpawnFailure) {
    super(failure.kind);
    this.failure = failure;
  }
}

/** Reads records; the standard error among them stops the connection when nobody reads it, and so the process. */
export class SpawnControl {
  readonly stderr: Readable;
  readonly #socket: Socket;
  readonly #reader = new SpawnRecordReader();
  readonly #token = Promise.withResolvers<Buffer>();
  readonly #started = Promise.withResolvers<number>();
  readonly #exited = Promise.withResolvers<ProcessExit | undefined>();
  readonly #over = Promise.withResolvers<boolean>();
  #isOver = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.stderr = new Readable({ read: () => void socket.resume() });
    // Those who wait for them get the rejection; without them it is nobody's.
    for (const { promise } of [this.#token, this.#started]) promise.catch(() => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // What broke it is told by its end.
    socket.on('error', () => {});
    socket.once('close', () => this.end({ kind: 'lost' }));
  }

  /** What the input and output connections of the process have to bring. Rejects with {@link SpawnFailedError}. */
  get token(): Promise<Buffer> {
    return this.#token.promise;
  }

  /** The process id, as the workload's container counts. Rejects with {@link SpawnFailedError}. */
  get started(): Promise<number> {
    return this.#started.promise;
  }

  /** How the process ended; undefined when the connection was lost before it did. Never rejects. */
  get exited(): Promise<ProcessExit | undefined> {
    return this.#exited.promise;
  }

  /**
   * Resolves when the process and all its descendants have ended, or can no longer be asked about; true only when the helper has said
   * that nothing of them is left. Never rejects.
   */
  get over(): Promise<boolean> {
    return this.#over.promise;
  }

  /** Has the helper go down the ladder, or begin at its last rung. */
  send(command: Parameters<typeof commandBytes>[0]): void {
    if (this.#socket.writable) this.#socket.write(commandBytes(command));
  }

  /** Closes the connection, which ends the process if it still runs; `failure` is why there is none if none has started. */
  end(failure: SpawnFailure): void {
    this.#socket.destroy();
    if (this.#isOver) return;
    this.#isOver = true;
    const error = new SpawnFailedError(failure);
    this.#token.reject(error);
    this.#started.reject(error);
    this.#exited.resolve(undefined);
    this.#over.resolve(false);
    this.stderr.push(null);
  }

  #read(chunk: Buffer): void {
    try {
      for (const record of this.#reader.push(chunk)) this.#take(record);
    } catch {
      // Whatever speaks there is no helper of this version.
      this.end({ kind: 'lost' });
    }
  }

  #take(record: SpawnRecord): void {
    switch (record.kind) {
      case 'token':
        return this.#token.resolve(record.token);
      case 'started':
        return this.#started.resolve(record.pid);
      case 'failed':
        return this.end(record);
      case 'stderr':
        if (!this.stderr.push(record.bytes)) this.#socket.pause();
        return;
      case 'exited':
        return this.#exited.resolve(record.exit);
      case 'over':
        this.#over.resolve(record.left === 0);
        return this.end({ kind: 'lost' });
    }
  }
}
