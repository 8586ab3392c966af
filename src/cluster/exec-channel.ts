/**
 * Standard input and output of a command in a pod as a byte stream, over Kubernetes' exec. Frames are its currency (about 2,500 a
 * second each way through a cluster), so what one turn of the event loop writes leaves in as few as possible.
 */
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { type Cancel, type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { ClusterAccess } from './access.ts';
import { describeExit, type ExecExit, readExit } from './exec-exit.ts';
import { CHANNEL, CLOSE_STDIN, StdinQueue, V5 } from './exec-frames.ts';
import { FramePace } from './exec-pace.ts';
import { ExecReading, STALL_LIMIT } from './exec-reading.ts';
import { type ExecTarget, openExecSocket } from './exec-socket.ts';
import { ExecStderr } from './exec-stderr.ts';

/** Bytes under way to the server from which a writer has to wait. */
const WRITE_MARK = 256 * 1024;
/** Bytes that nobody has read from which reading pauses, as soon as nothing is left to send. */
const READ_MARK = 256 * 1024;
/** With as many it pauses whatever is left to send. */
const READ_MOST = 4 * 1024 * 1024;
/** Milliseconds between a command's end and the server's end of the connection. */
export const CLOSE_LIMIT = 5_000;
const MOST_STATUS = 64 * 1024;
const BINARY = { binary: true, compress: false, fin: true };

export interface ExecOptions {
  readonly access: ClusterAccess;
  readonly target: ExecTarget;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Gets standard error, at most 64 KiB a minute of it. */
  readonly stderr?: (bytes: Buffer) => void;
}

/**
 * Resolves once the server has taken the request: the command may still turn out not to exist (see `exit`).
 * Rejects with BerthError: `not-found` without such a pod, `busy` for what may go better soon, `internal` for missing rights.
 */
export function openExec(options: ExecOptions): Promise<ExecChannel> {
  const { access, target, clock = systemClock, signal = new AbortController().signal } = options;
  return openExecSocket(
    { access, target, clock, signal },
    (socket) => new ExecChannel(socket, clock, options.stderr),
  );
}

export class ExecChannel extends Duplex {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #stderr: ExecStderr;
  readonly #reading: ExecReading;
  readonly #queue = new StdinQueue();
  readonly #pace = new FramePace();
  readonly #exit = Promise.withResolvers<ExecExit>();
  #status = Buffer.alloc(0);
  #known: ExecExit | undefined;
  #fault = '';
  #held: (() => void) | undefined;
  #ending: (() => void) | undefined;
  #scheduled = false;
  #pong: Buffer | undefined;
  #cancelClose: Cancel = () => {};

  /** Takes over an open socket of either subprotocol. */
  constructor(socket: WebSocket, clock: Clock, stderr?: (bytes: Buffer) => void) {
    super({ allowHalfOpen: false, readableHighWaterMark: READ_MARK, writableHighWaterMark: WRITE_MARK });
    this.#socket = socket;
    this.#clock = clock;
    this.#stderr = new ExecStderr(clock, stderr);
    const [onStall, onFree] = [() => this.#stalled(), () => this.#freed()];
    this.#reading = new ExecReading({ socket, clock, onStall, onFree });
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on('ping', (data) => this.#answerPing(data));
    socket.on('error', ({ message }) => {
      this.#fault ||= message;
    });
    socket.once('close', (code) => this.#closed(code));
    // Whoever reads gets it; before anybody does, it must not end the program.
    this.on('error', () => {});
  }

  /** How the command ended; never rejects. */
  get exit(): Promise<ExecExit> {
    return this.#exit.promise;
  }

  /** Whether the end of writing reaches the command; on the older v4 it ends the whole connection. */
  get halfCloses(): boolean {
    return this.#socket.protocol === V5;
  }

  /** The last lines of standard error. */
  get stderr(): readonly string[] {
    return this.#stderr.lines;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    this.#ending = done;
    this.#schedule();
  }

  override _read(): void {
    this.#reading.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#reading.stop();
    this.#cancelClose();
    this.#known ??= { kind: 'closed' };
    this.#socket.terminate();
    this.#exit.resolve(this.#known);
    done(error);
  }

  /** One write is taken beyond the mark: HTTP/2 reads nothing while a write of its own is unfinished. */
  #take(chunks: readonly Buffer[], done: () => void): void {
    const full = this.#underWay >= WRITE_MARK;
    for (const chunk of chunks) this.#queue.push(chunk);
    this.#schedule();
    if (full) this.#held = done;
    else done();
  }

  get #underWay(): number {
    return this.#queue.size + this.#socket.bufferedAmount;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#pace.next(this.#queue.size, () => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return this.#releaseAll();
    if (this.#reading.holdsWrites) return;
    while (this.#socket.bufferedAmount < WRITE_MARK) {
      const frame = this.#queue.take();
      if (!frame) break;
      this.#socket.send(frame, BINARY, this.#sent);
      this.#pace.sent();
    }
    if (this.#underWay < WRITE_MARK) this.#release();
    if (this.#queue.size === 0) this.#endInput();
  }

  readonly #sent = (error?: Error | null): void => {
    if (error || this.destroyed) return;
    if (this.#queue.size > 0 || this.#held) this.#schedule();
    this.#pauseIfFull();
  };

  #endInput(): void {
    const done = this.#ending;
    if (!done) return;
    this.#ending = undefined;
    if (this.halfCloses) this.#socket.send(CLOSE_STDIN, BINARY, () => done());
    else {
      this.#known ??= { kind: 'closed' };
      this.#socket.close(1000);
      done();
    }
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  /** What a command that has ended can no longer read is dropped, as by any pipe. */
  #releaseAll(): void {
    while (this.#queue.take()) {}
    this.#release();
    const done = this.#ending;
    this.#ending = undefined;
    done?.();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (!isBinary || data.length < 2 || this.destroyed) return;
    const bytes = data.subarray(1);
    this.#reading.received(bytes.length);
    switch (data[0]) {
      case CHANNEL.stdout:
        this.push(bytes);
        return this.#pauseIfFull();
      case CHANNEL.stderr:
        return this.#stderr.push(bytes);
      case CHANNEL.status:
        return this.#learnExit(bytes);
      default:
      // Resizing and ends of single channels: nothing that we act on.
    }
  }

  /** The connection's end, not the status, is the end of the output: the two may overtake each other. */
  #learnExit(bytes: Buffer): void {
    if (this.#known || this.#status.length + bytes.length > MOST_STATUS) return;
    this.#status = Buffer.concat([this.#status, bytes]);
    this.#known = readExit(this.#status.toString('utf8'));
    if (this.#known) this.#cancelClose = this.#clock.after(CLOSE_LIMIT, () => this.#socket.terminate());
  }

  #pauseIfFull(): void {
    if (this.#reading.paused || this.readableLength < READ_MARK) return;
    if (this.#underWay > 0 && this.readableLength < READ_MOST) return;
    this.#reading.pause();
    this.#release();
  }

  #stalled(): void {
    this.destroy(new BerthError('busy', `nobody read the output for ${STALL_LIMIT / 1_000} s`));
  }

  #freed(): void {
    const pong = this.#pong;
    this.#pong = undefined;
    if (pong) this.#answerPing(pong);
    this.#schedule();
  }

  #answerPing(data: Buffer): void {
    if (this.#reading.holdsWrites) this.#pong = data;
    else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.pong(data);
  }

  #closed(code: number): void {
    this.#cancelClose();
    this.#reading.stop();
    this.#known ??= { kind: 'lost', message: this.#fault || `close code ${code} without a status` };
    this.#exit.resolve(this.#known);
    this.#releaseAll();
    if (this.destroyed) return;
    if (this.#known.kind === 'lost') this.destroy(new BerthError('busy', describeExit(this.#known)));
    else this.push(null);
  }
}
