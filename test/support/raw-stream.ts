/** An HTTP/1.1 exchange on a bare socket, for clients that stop reading or lie about lengths. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawStream {
  readonly #socket: Socket;
  #seen = '';
  #bytes = 0;
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#seen = (this.#seen + chunk.toString('latin1')).slice(-65_536);
    });
  }

  /** Connects and sends the head and the body as they are given. */
  static async open(url: string, head: readonly string[], body = ''): Promise<RawStream> {
    const { hostname, port, host, pathname, search } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const stream = new RawStream(socket);
    const [first = 'GET', ...headers] = head;
    const lines = [`${first} ${pathname}${search} HTTP/1.1`, `Host: ${host}`, ...headers];
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    return stream;
  }

  /** Everything that came, as far as the last 64 KiB hold it. */
  get seen(): string {
    return this.#seen;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  pause(): void {
    this.#socket.pause();
  }

  /** Reads on until the connection ends; the number of bytes that came in all. */
  async drain(): Promise<number> {
    this.#socket.resume();
    await this.#closed;
    return this.#bytes;
  }

  close(): void {
    this.#socket.destroy();
  }
}
