/** A WebSocket as a transport of version 2 of the SDK, which has none of its own: one message a text frame, either era. */
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { WebSocket } from 'ws';

export class SdkWebSocket implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  #socket: WebSocket | undefined;

  /** `url` may be http. */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#headers = headers;
    this.#url = url.replace(/^http/, 'ws');
  }

  start(): Promise<void> {
    const socket = new WebSocket(this.#url, ['mcp'], {
      perMessageDeflate: false,
      headers: this.#headers,
    });
    this.#socket = socket;
    socket.on('message', (data) => this.onmessage?.(JSON.parse(data.toString()) as JSONRPCMessage));
    socket.once('close', () => this.onclose?.());
    return new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.on('error', (error) => {
        this.onerror?.(error);
        reject(error);
      });
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket?.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.close();
    await closed;
  }
}
