/**
 * Loaded into the pinned npm by `node --import`, as npm's own time limit is one for whole documents, however fast they come: ends the
 * program, with a line that names the host, once it waits for answers and no byte has come for a while.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

const PARAMETER = 'silence';
const MARK = 'registry-silent';
const STDERR = 2;
/** Milliseconds between looks, at most. */
const LOOK_EVERY = 250;
const LOOKS = 4;

/** What `--import` takes. `silence`: milliseconds. */
export function stallGuard(silence: number): string {
  const url = new URL(import.meta.url);
  url.search = `?${PARAMETER}=${silence}`;
  return url.href;
}

/** The host that the guard has given up, if that is what ended the program. */
export function silentHost(stderr: readonly string[]): string | undefined {
  return stderr.map((line) => new RegExp(`^${MARK} (\\S+)$`).exec(line)?.[1]).find((host) => host);
}

function guard(silence: number): void {
  const waiting = new Set<ClientRequest>();
  const sockets = new Set<Socket>();
  subscribe('http.client.request.created', (message) => {
    const { request } = message as { request: ClientRequest };
    waiting.add(request);
    request.once('close', () => waiting.delete(request));
  });
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const every = Math.min(LOOK_EVERY, silence / LOOKS);
  let [bytes, quiet, last] = [0, 0, performance.now()];
  setInterval(() => {
    const now = performance.now();
    // A program that was busy has heard nothing because it did not listen.
    const passed = Math.min(now - last, 2 * every);
    last = now;
    const total = [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0);
    quiet = waiting.size === 0 || total > bytes ? 0 : quiet + passed;
    bytes = total;
    if (quiet >= silence) giveUp(waiting);
  }, every).unref();
}

/** At once: what npm would still do is wait, and ask again. */
function giveUp(waiting: ReadonlySet<ClientRequest>): void {
  const [first] = waiting;
  writeSync(STDERR, `\n${MARK} ${first?.getHeader('host') ?? 'unknown'}\n`);
  process.kill(process.pid, 'SIGKILL');
}

const given = Number(new URL(import.meta.url).searchParams.get(PARAMETER));
if (given > 0) guard(given);
