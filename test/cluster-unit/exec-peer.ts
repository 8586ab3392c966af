/** The API server's end of one exec: says what a container would say, and looks at each frame as it was on the wire. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { CHANNEL } from '../../src/cluster/exec-frames.ts';

export interface WireFrame {
  readonly final: boolean;
  readonly compressed: boolean;
  readonly opcode: number;
  readonly bytes: number;
}

export class ExecPeer {
  /** Every frame from the client after the handshake, continuations and pongs too. */
  readonly frames: WireFrame[] = [];
  /** Messages of standard input. */
  readonly messages: Buffer[] = [];
  socket!: WebSocket;
  stdinClosed = false;
  closed = false;
  #wire: Buffer = Buffer.alloc(0);
  readonly #carrier: Duplex;

  constructor(carrier: Duplex) {
    this.#carrier = carrier;
  }

  start(socket: WebSocket): void {
    this.socket = socket;
    const carrier = this.#carrier;
    carrier.prependListener('data', (bytes: Buffer) => this.#look(bytes));
    socket.on('error', () => {});
    socket.once('close', () => {
      this.closed = true;
    });
    socket.on('message', (data: Buffer) => {
      if (data[0] === CHANNEL.close && data[1] === CHANNEL.stdin) this.stdinClosed = true;
      else if (data[0] === CHANNEL.stdin) this.messages.push(data);
    });
  }

  /** What came on standard input. */
  get stdin(): Buffer {
    return Buffer.concat(this.messages.map((message) => message.subarray(1)));
  }

  say(channel: number, bytes: Uint8Array | string): void {
    this.socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(bytes)]));
  }

  stdout(bytes: Uint8Array | string): void {
    this.say(CHANNEL.stdout, bytes);
  }

  /** Ends as the command `exit code` does. */
  exit(code: number): void {
    const causes = [{ reason: 'ExitCode', message: String(code) }];
    this.finish(
      code === 0
        ? { status: 'Success' }
        : { status: 'Failure', reason: 'NonZeroExitCode', message: `exit code ${code}`, details: { causes } },
    );
  }

  /** A status, then the end of the connection. */
  finish(status: object): void {
    this.say(CHANNEL.status, JSON.stringify(status));
    this.socket.close(1000);
  }

  /** Writes bytes that are no answer of any WebSocket. */
  raw(bytes: string): void {
    this.#carrier.write(bytes);
  }

  drop(): void {
    this.socket.terminate();
  }

  /** What is written meanwhile leaves in one piece. */
  corked(say: () => void): void {
    this.#carrier.cork();
    say();
    this.#carrier.uncork();
  }

  #look(bytes: Buffer): void {
    this.#wire = Buffer.concat([this.#wire, bytes]);
    for (let frame = this.#head(); frame; frame = this.#head()) {
      if (this.#wire.length < frame.length) return;
      this.frames.push(frame.found);
      this.#wire = this.#wire.subarray(frame.length);
    }
  }

  #head(): { found: WireFrame; length: number } | undefined {
    const [first, second] = this.#wire;
    if (first === undefined || second === undefined) return undefined;
    const short = second & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (this.#wire.length < 2 + extra) return undefined;
    const bytes =
      extra === 0 ? short : extra === 2 ? this.#wire.readUInt16BE(2) : Number(this.#wire.readBigUInt64BE(2));
    const found = { final: first >= 0x80, compressed: (first & 0x40) !== 0, opcode: first & 0x0f, bytes };
    return { found, length: 2 + extra + 4 + bytes };
  }
}
