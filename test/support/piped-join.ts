/** `berth-spawn join` between two real pipes, as a container runtime runs it; Node's own pipes are sockets. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Duplex as DuplexStream } from 'node:stream';

export interface PipedJoin {
  readonly child: ChildProcess;
  readonly input: Socket;
  readonly output: Socket;
  /** Both at once, as the carrier of a link takes them. */
  readonly stream: () => Duplex;
  /** How it ended, and what it said. */
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
  close(): Promise<void>;
}

/** Runs `program` with these arguments. */
export function startPipedJoin(program: string, args: readonly string[]): PipedJoin {
  const folder = mkdtempSync(join(tmpdir(), 'berth-pipes-'));
  const [into, from] = [join(folder, 'in'), join(folder, 'out')];
  execFileSync('mkfifo', [into, from]);
  const open = (path: string, access: number): number => openSync(path, access | constants.O_NONBLOCK);
  // A writer can be opened once there is a reader.
  const theirInput = open(into, constants.O_RDONLY);
  const input = new Socket({ fd: open(into, constants.O_WRONLY), readable: false, writable: true });
  const output = new Socket({ fd: open(from, constants.O_RDONLY), readable: true, writable: false });
  const theirOutput = open(from, constants.O_WRONLY);
  const child = spawn(program, args, { stdio: [theirInput, theirOutput, 'pipe'] });
  closeSync(theirInput);
  closeSync(theirOutput);
  rmSync(folder, { recursive: true });
  for (const pipe of [input, output]) pipe.on('error', () => {});
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, said }));
  });
  return {
    ...{ child, input, output, ended },
    stream: () => DuplexStream.from({ readable: output, writable: input }),
    close: async () => {
      child.kill('SIGKILL');
      await ended;
      for (const pipe of [input, output]) pipe.destroy();
    },
  };
}
