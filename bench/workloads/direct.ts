/** The server's own times, measured over its own stdio without anything in between. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { INITIALIZE, INITIALIZED, nextId } from '../clients/session.ts';
import { ECHO_COMMAND } from '../contestants.ts';

const SETTLE_MS = 250;

/** Milliseconds from spawn to the answer of `initialize`; `warm` counts only from `initialize`, on a process that is long up. */
export async function ownStart({ warm }: { warm: boolean }): Promise<number> {
  const [program = '', ...args] = ECHO_COMMAND;
  const spawned = performance.now();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    if (warm) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const lines = createInterface({ input: child.stdout });
    const started = warm ? performance.now() : spawned;
    const answered = new Promise<number>((resolve, reject) => {
      lines.once('line', () => resolve(performance.now() - started));
      child.once('exit', () => reject(new Error('echo server ended')));
    });
    child.stdin.write(`${INITIALIZE.before}${nextId()}${INITIALIZE.after}\n`);
    const taken = await answered;
    child.stdin.write(`${INITIALIZED}\n`);
    return taken;
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}
