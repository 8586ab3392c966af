/** One HTTP/1.1 exchange on a bare socket, for requests that no client library would send. */
import { once } from 'node:events';
import { connect } from 'node:net';

const PATIENCE_MS = 40_000;

export type RawBody = string | AsyncIterable<Buffer> | Iterable<Buffer>;

/**
 * Sends a POST and resolves with the status of its answer, or `closed` when the connection ends without one, or `silence`.
 * `half`: this side ends its half after the body.
 */
export async function sendRaw(
  url: string,
  headers: readonly string[],
  body: RawBody,
  half = false,
): Promise<string> {
  const { hostname, port, host, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let seen = '';
  let open = true;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() => {
    open = false;
  });
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (seen.length < 64) seen += chunk.toString('latin1', 0, 64);
  });
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.write([`POST ${pathname} HTTP/1.1`, `Host: ${host}`, ...headers, '', ''].join('\r\n'));
  const parts = typeof body === 'string' ? [Buffer.from(body)] : body;
  for await (const part of parts) {
    if (!open || seen !== '') break;
    if (!socket.write(part)) await Promise.race([once(socket, 'drain'), closed]).catch(() => undefined);
  }
  if (half) socket.end();
  await Promise.race([closed, answered(() => seen !== '' || !open)]);
  clearTimeout(timer);
  socket.destroy();
  return /^HTTP\/1\.1 (\d{3})/.exec(seen)?.[1] ?? 'closed';
}

async function answered(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
