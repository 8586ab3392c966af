/** The transport of a client that has started this program: one message a line on the standard streams, until the input ends. */
import type { Readable, Writable } from 'node:stream';
import { systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { LineSplitter } from '../jsonrpc/framing.ts';
import type { Attachment, ReaderEnd, StreamEvent } from '../sessions/reader.ts';
import { DuplexClient, type DuplexPlane } from './duplex-client.ts';
import { writeFlow } from './flow.ts';
import type { ModernCaller } from './modern/route.ts';
import { rpcErrorText } from './rpc-error.ts';
import type { WebSocketHost } from './websocket-session.ts';

const NEWLINE = Buffer.from('\n');
/** Milliseconds that calls in flight have to be answered in once the input has ended: programs are fed from pipes, too. */
const ANSWER_WITHIN = 5_000;

export interface StdioStreams {
  readonly input: Readable;
  readonly output: Writable;
}

/** Why the client was served no longer: it left, or its session cannot go on. */
export type StdioEnd = {
  readonly error?: BerthError | undefined;
  readonly reason: 'left' | 'refused' | ReaderEnd;
};

/** Serves the client; resolves when it has left or nothing more can be done for it. */
export function serveStdio(
  plane: DuplexPlane,
  caller: ModernCaller,
  streams: StdioStreams,
): Promise<StdioEnd> {
  return new Promise((resolve) => {
    new StdioClient(plane, caller, { ...streams, over: resolve });
  });
}

class StdioClient implements WebSocketHost {
  readonly #plane: DuplexPlane;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #over: (end: StdioEnd) => void;
  readonly #client: DuplexClient;
  #untaken = 0;
  /** Answers that the client waits for. */
  #owed = 0;
  #isLeaving = false;

  constructor(
    plane: DuplexPlane,
    caller: ModernCaller,
    { input, output, over }: StdioStreams & { readonly over: (end: StdioEnd) => void },
  ) {
    this.#plane = plane;
    this.#input = input;
    this.#output = output;
    this.#over = over;
    this.#client = new DuplexClient(plane, caller, this);
    const lines = new LineSplitter(plane.limits.messageBytes, {
      line: (bytes) => this.#line(bytes),
      oversized: (id, bytes, asks) => this.#tooLarge(id, bytes, asks),
    });
    input.on('data', (chunk: Buffer) => lines.push(chunk));
    input.once('end', () => this.#inputEnded());
    input.once('error', () => this.#end({ reason: 'left' }));
    // A client that reads no more has left, too.
    output.once('error', () => this.#end({ reason: 'left' }));
  }

  get nextKey(): () => string {
    return this.#plane.nextKey;
  }

  readonly frames = {
    event: (event: StreamEvent, attachment: Attachment): void => {
      const { bytes, seq } = event;
      if (event.kind === 'answer') this.#answered();
      writeFlow(this.#output, [...event.parts, NEWLINE], { attachment, bytes, seq });
    },
  };

  say(text: string): void {
    this.tell(text);
    this.#answered();
  }

  tell(text: string): void {
    this.held();
    this.#output.write(`${text}\n`, () => this.released());
  }

  held(): void {
    this.#untaken++;
  }

  released(): void {
    if (--this.#untaken === 0 && this.#input.isPaused()) this.#input.resume();
  }

  refused(error: BerthError): void {
    this.#end({ reason: 'refused', error });
  }

  ended(reason: ReaderEnd): void {
    this.#end({ reason });
  }

  #line(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#owed += this.#client.take(bytes);
    this.#leaveWhenDone();
    // A message that is not taken at once stops the reading of further ones: that is the client's back-pressure.
    if (this.#untaken > 0) this.#input.pause();
  }

  #tooLarge(id: string | undefined, bytes: number, asks: boolean): void {
    const message = `the message has ${bytes} bytes, and ${this.#plane.limits.messageBytes} is the limit`;
    const text = rpcErrorText(new BerthError('too-large', message), id);
    // An answer: the server waits for it.
    if (!asks && id !== undefined) return this.#line(Buffer.from(text));
    this.#owed++;
    this.say(text);
  }

  #answered(): void {
    this.#owed--;
    this.#leaveWhenDone();
  }

  #inputEnded(): void {
    this.#isLeaving = true;
    systemClock.after(ANSWER_WITHIN, () => this.#end({ reason: 'left' }));
    this.#leaveWhenDone();
  }

  #leaveWhenDone(): void {
    // What was said last is still to be written.
    if (this.#isLeaving && this.#owed <= 0) this.#output.write('', () => this.#end({ reason: 'left' }));
  }

  #end(end: StdioEnd): void {
    this.#client.close();
    this.#over(end);
  }
}
