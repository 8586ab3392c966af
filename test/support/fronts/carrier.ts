/** What carries single messages between a front and a server: a child's standard streams, a WebSocket, an SSE session. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import type { FixtureLaunch } from '../conformance-fixture.ts';
import { open } from '../http-client.ts';

export type Fields = Record<string, unknown>;
export interface Wire extends Fields {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export interface Carrier {
  /** Resolves when the other end has taken it, where the carrier can tell. */
  send(message: Wire): Promise<void>;
  /** Resolves when nothing more can come, whoever ended it. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** Opens a carrier; everything that comes goes to `receive`. */
export type OpenCarrier = (receive: (message: Wire) => void) => Promise<Carrier>;

/** A process whose standard streams are the carrier. */
export function stdioCarrier({ file, args, env }: FixtureLaunch): OpenCarrier {
  return async (receive) => {
    const child: ChildProcess = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => receive(JSON.parse(line) as Wire));
    return {
      ended,
      send: async (message) => {
        child.stdin!.write(`${JSON.stringify(message)}\n`);
      },
      close: () => {
        child.stdin!.end();
        return ended;
      },
    };
  };
}

/** One WebSocket to the gateway's `…/ws`. */
export function webSocketCarrier(base: string): OpenCarrier {
  return async (receive) => {
    const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws`, ['mcp'], { perMessageDeflate: false });
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('message', (data) => receive(JSON.parse(data.toString()) as Wire));
    await once(socket, 'open');
    return {
      ended,
      send: async (message) => socket.send(JSON.stringify(message)),
      close: () => {
        socket.close();
        return ended;
      },
    };
  };
}

/** One event stream of the gateway's `…/sse`, and POSTs to the address that it announces. */
export function sseCarrier(base: string): OpenCarrier {
  return async (receive) => {
    const stream = await open(`${base}/sse`, { headers: { accept: 'text/event-stream' } });
    const events = stream.events();
    const endpoint = new URL((await events.next()).value?.data ?? '', base).href;
    const ended = (async () => {
      for await (const { event, data } of events) if (event === 'message') receive(JSON.parse(data) as Wire);
    })();
    return {
      ended,
      send: async (message) => {
        const headers = { 'content-type': 'application/json' };
        const answer = await open(endpoint, { method: 'POST', headers, body: JSON.stringify(message) });
        await answer.body();
      },
      close: () => {
        stream.close();
        return ended;
      },
    };
  };
}
