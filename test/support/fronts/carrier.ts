/** What carries single messages between a front and a server: a child's standard streams, a WebSocket, an SSE session. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Fields = Record<string, unknown>;
export interface Wire extends Fields {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export interface Carrier {
  send(message: Wire): void;
  close(): Promise<void>;
}

/** Opens a carrier; everything that comes goes to `receive`. */
export type OpenCarrier = (receive: (message: Wire) => void) => Promise<Carrier>;

/** A process whose standard streams are the carrier. */
export function stdioCarrier(file: string, args: readonly string[]): OpenCarrier {
  return (receive) => {
    const child: ChildProcess = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => receive(JSON.parse(line) as Wire));
    return Promise.resolve({
      send: (message) => child.stdin!.write(`${JSON.stringify(message)}\n`),
      close: async () => {
        const gone = child.exitCode === null ? once(child, 'exit') : undefined;
        child.stdin!.end();
        await gone;
      },
    });
  };
}
