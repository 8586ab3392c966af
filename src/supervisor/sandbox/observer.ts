/**
 * The program that stands between us and a contained one: alone in an empty network with it, it answers for names and notes which are asked
 * for. The contained program can neither see nor end it.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { askedName, noSuchName } from './asked-names.ts';

/** This module, as it is started. */
export const OBSERVER = fileURLToPath(import.meta.url);
/** What it is to run: a {@link Contained} as JSON. */
export const CONTAINED_FILE = 'contained.json';
/** What it has seen: one JSON value a line. */
export const SEEN_FILE = 'seen.ndjson';

export interface Contained {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type SeenLine = { readonly startedAt: number } | { readonly host: string };

const DNS_PORT = 53;
const MOST_HOSTS = 1_000;
/** As a shell tells of a program that a signal has ended. */
const SIGNALLED = 128;

async function observe(folder: string): Promise<void> {
  const note = (line: SeenLine): void =>
    appendFileSync(join(folder, SEEN_FILE), `${JSON.stringify(line)}\n`, { mode: 0o600 });
  await answerNames((host) => note({ host }));
  const { file, args, env } = JSON.parse(readFileSync(join(folder, CONTAINED_FILE), 'utf8')) as Contained;
  const child = spawn(file, args, { env, cwd: '/', stdio: 'inherit' });
  child.once('error', (error) => {
    console.error(`the sandbox did not start: ${error.message}`);
    process.exit(SIGNALLED - 1);
  });
  child.once('spawn', () => note({ startedAt: Date.now() }));
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? SIGNALLED : 0)));
}

async function answerNames(asked: (name: string) => void): Promise<void> {
  const known = new Set<string>();
  const socket = createSocket('udp4');
  socket.on('message', (packet, { port, address }) => {
    const name = askedName(packet);
    if (name === undefined) return;
    socket.send(noSuchName(packet), port, address);
    if (known.has(name) || known.size >= MOST_HOSTS) return;
    known.add(name);
    asked(name);
  });
  socket.bind(DNS_PORT, '127.0.0.1');
  await once(socket, 'listening');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await observe(process.argv[2] ?? '');
