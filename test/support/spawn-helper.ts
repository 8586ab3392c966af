/** The real berth-spawn for tests: compiled from `spawn/`, and started as the workload's container starts it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Launch } from '../../src/supervisor/launch.ts';
import {
  commandBytes,
  controlPreface,
  dataPreface,
  helperPath,
  type SpawnRecord,
  SpawnRecordReader,
} from '../../src/supervisor/spawn-wire.ts';
import { eventually } from './local-process.ts';

const SOURCES = fileURLToPath(new URL('../../spawn/', import.meta.url));
/** What the sanitizers of a build say when something is wrong. */
const SANITIZER = /Sanitizer|runtime error/;
const GRACES = { eof: 200, term: 200 };
export const UID: number = process.getuid?.() ?? 0;

export type Build = 'release' | 'sanitize' | 'fuzz';

/** Path of the program, compiled unless the same sources have been compiled on this machine before. */
export async function buildSpawn(build: Build = 'release'): Promise<string> {
  const hash = createHash('sha256').update(`${UID} ${process.env.CC ?? ''}`);
  for (const name of readdirSync(SOURCES).sort()) hash.update(readFileSync(join(SOURCES, name)));
  const folder = join(tmpdir(), `berth-test-spawn-${hash.digest('hex').slice(0, 16)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (statSync(folder).uid !== UID) throw new Error(`${folder} is somebody else's`);
  const program = join(folder, build);
  if (existsSync(program)) return program;
  const flags = build === 'release' ? [] : [`--${build}`];
  await promisify(execFile)('sh', [join(SOURCES, 'build.sh'), ...flags, program]);
  return program;
}

export interface RunningHelper {
  readonly folder: string;
  readonly socket: string;
  readonly child: ChildProcess;
  /** What it said on standard error. */
  errors(): string;
  /** Ends it and all of its processes; fails when a sanitizer had something to say. */
  close(): Promise<void>;
}

/** Starts the mode `spawn`. */
export async function startHelper(options: {
  readonly program: string;
  readonly args?: readonly string[];
  readonly peerUid?: number;
  /** An earlier helper's, whose socket is taken over. */
  readonly folder?: string;
  /** `spawn.sock` in that folder, unless it is a name. */
  readonly socket?: string;
}): Promise<RunningHelper> {
  const { program, args = [], peerUid = UID, folder = mkdtempSync(join(tmpdir(), 'berth-spawn-')) } = options;
  const { socket = join(folder, 'spawn.sock') } = options;
  const child = spawn(program, ['spawn', '--socket', socket, '--peer-uid', String(peerUid), ...args], {
    // The fourth is one that it inherits and that nobody should have.
    stdio: ['ignore', 'pipe', 'pipe', 'ignore'],
    // Its memory is not to be looked into, which the search for leaks would have to.
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  });
  let errors = '';
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error('no pipes');
  stderr.on('data', (data) => {
    errors += String(data);
  });
  await Promise.race([
    once(createInterface({ input: stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the helper ended: ${errors}`))),
  ]);
  return {
    folder,
    socket,
    child,
    errors: () => errors,
    close: async () => {
      await endHelper(child);
      rmSync(folder, { recursive: true, force: true });
      if (SANITIZER.test(errors)) throw new Error(errors);
    },
  };
}

async function endHelper(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGINT');
  const limit = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exit;
  clearTimeout(limit);
}

/** Opens a connection and collects what comes. */
export class RawConnection {
  readonly socket: Socket;
  readonly records: SpawnRecord[] = [];
  bytes = Buffer.alloc(0);
  closed = false;

  constructor(path: string, kind: 'records' | 'bytes' = 'records') {
    const reader = new SpawnRecordReader();
    this.socket = createConnection({ path: helperPath(path), allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      if (kind === 'records') this.records.push(...reader.push(chunk));
      else this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    this.socket.on('error', () => {});
    this.socket.on('end', () => {
      this.closed = true;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** The first record of that kind, once it is there. */
  record<K extends SpawnRecord['kind']>(kind: K): Promise<Extract<SpawnRecord, { readonly kind: K }>> {
    return eventually(`a record "${kind}"`, () =>
      this.records.find((one): one is Extract<SpawnRecord, { readonly kind: K }> => one.kind === kind),
    );
  }

  end(): Promise<true> {
    return eventually('the end of the connection', () => this.closed);
  }
}

/** A process under a helper, with its three connections in the test's hands. */
export class RawProcess {
  readonly control: RawConnection;
  readonly input: RawConnection;
  readonly output: RawConnection;
  readonly pid: number;

  constructor(control: RawConnection, streams: readonly [RawConnection, RawConnection], pid: number) {
    this.control = control;
    [this.input, this.output] = streams;
    this.pid = pid;
  }

  /** All of its standard error so far. */
  get errors(): string {
    const parts = this.control.records.flatMap((one) => (one.kind === 'stderr' ? [one.bytes] : []));
    return Buffer.concat(parts).toString('utf8');
  }

  send(command: Parameters<typeof commandBytes>[0]): void {
    this.control.socket.write(commandBytes(command));
  }

  said(pattern: RegExp): Promise<string> {
    return eventually(`stderr ${pattern}`, () => pattern.exec(this.errors)?.[1]);
  }

  destroy(): void {
    for (const { socket } of [this.control, this.input, this.output]) socket.destroy();
  }
}

/** What to start, if only the program matters. */
export function launchOf(file: string, args: readonly string[] = [], more: Partial<Launch> = {}): Launch {
  return { file, args, env: { PATH: process.env.PATH ?? '' }, cwd: tmpdir(), ...more };
}

/** Opens a control connection that has said what to start. */
export function requestProcess(socket: string, launch: Launch, graces = GRACES): RawConnection {
  const control = new RawConnection(socket);
  control.socket.write(controlPreface(launch, graces));
  return control;
}

/** Opens the input or output connection of a process. */
export function openData(socket: string, kind: 'input' | 'output', token: Buffer): RawConnection {
  const data = new RawConnection(socket, 'bytes');
  data.socket.write(dataPreface(kind, token));
  return data;
}

/** Starts a process and waits until it runs. */
export async function startProcess(socket: string, launch: Launch, graces = GRACES): Promise<RawProcess> {
  const control = requestProcess(socket, launch, graces);
  const { token } = await control.record('token');
  const streams = [openData(socket, 'input', token), openData(socket, 'output', token)] as const;
  const { pid } = await control.record('started');
  return new RawProcess(control, streams, pid);
}
