/** The second port: probes of the platform, without the guard and apart from the clients. */
import { createServer, type ServerResponse } from 'node:http';
import { BerthError } from '../errors.ts';

export interface ProbePortOptions {
  readonly port: number;
  readonly host: string;
  /** Whether clients should be sent here. */
  readonly ready: () => boolean;
}

export interface ProbePort {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `/livez` and `/readyz`. Rejects with `bad-setting` when the port cannot be had. */
export async function openProbePort({ port, host, ready }: ProbePortOptions): Promise<ProbePort> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/livez') answer(response, 200, 'ok');
    else if (path !== '/readyz') answer(response, 404, 'not found');
    else if (ready()) answer(response, 200, 'ok');
    else answer(response, 503, 'not ready');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new BerthError('bad-setting', `cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  // A connection that could not be accepted is that prober's loss.
  server.on('error', () => {});
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }).end(`${text}\n`);
}
