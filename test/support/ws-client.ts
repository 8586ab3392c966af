/** Raw WebSocket client. */
import { WebSocket } from 'ws';
import { bearer, type ClientOptions, McpClient } from './mcp-client.ts';

export interface WsOptions extends ClientOptions {
  /** Subprotocols to offer; none when empty. Default `mcp`. */
  readonly protocols?: readonly string[];
  readonly origin?: string;
  /** False: pings are not answered, as on a half-open connection. */
  readonly autoPong?: boolean;
}

export class WsClient extends McpClient {
  readonly socket: WebSocket;
  /** Close code, once closed. */
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket, options: WsOptions) {
    super(options);
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.once('close', (code, reason) => this.inbox.end(`closed with ${code} ${reason.toString()}`));
    socket.on('message', (data) => this.inbox.push(data.toString(), 'ws'));
  }

  /** `url` may be http; rejects with `status <code>` when the upgrade is refused. */
  static connect(url: string, options: WsOptions = {}): Promise<WsClient> {
    const { protocols = ['mcp'], origin, autoPong = true } = options;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], {
        headers: bearer(options.key),
        perMessageDeflate: false,
        maxPayload: 64 * 1024 * 1024,
        autoPong,
        ...(origin === undefined ? {} : { origin }),
      });
      const client = new WsClient(socket, options);
      socket.once('open', () => resolve(client));
      socket.once('unexpected-response', (_request, response) => {
        reject(new Error(`status ${response.statusCode}`));
        response.resume();
      });
      socket.on('error', reject);
    });
  }

  async send(text: string): Promise<number> {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    else await this.closed;
    return 0;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
