/** The machine as the command line sees it. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { onStopSignal } from '../stop-signals.ts';
import { listenForCallback } from './callback-listener.ts';
import type { CliSystem } from './cli-system.ts';
import { placesOf, readIfThere, replaceFile } from './node-files.ts';

export type NodeSystemInput = Pick<CliSystem, 'launchGateway' | 'openKeys' | 'machine'>;

export function createNodeSystem(input: NodeSystemInput): CliSystem {
  // A reader that went away (berth ls | head) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    ...input,
    env: process.env,
    interactive: process.stdout.isTTY === true && process.stdin.isTTY === true && !process.env.CI,
    out: (line) => void process.stdout.write(line),
    err: (line) => void process.stderr.write(line),
    fetch,
    readFile: (path) => readFile(path, 'utf8'),
    readIfThere,
    replaceFile,
    places: placesOf(process.env),
    cwd: process.cwd(),
    self: { command: process.execPath, args: [...process.execArgv, process.argv[1] ?? 'berth'] },
    confirm,
    ask: (question) => askOn({ output: process.stderr }, question),
    askUnseen: async (question) => {
      process.stderr.write(question);
      const answer = await askOn({ output: nowhere(), terminal: true }, '');
      process.stderr.write('\n');
      return answer;
    },
    listenForCallback,
    readInput: () => text(process.stdin),
    onSignal(fn) {
      return onStopSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], fn);
    },
  };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/** What is typed is echoed to `output`. */
async function askOn(
  echo: { readonly output: Writable; readonly terminal?: boolean },
  question: string,
): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, ...echo });
  try {
    const left = new AbortController();
    lines.once('close', () => left.abort());
    lines.once('SIGINT', () => left.abort());
    return await lines.question(question, { signal: left.signal });
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return undefined;
    throw error;
  } finally {
    lines.close();
  }
}

async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = (await lines.question(`${question} [Y/n] `)).trim().toLowerCase();
    return answer === '' || answer === 'y' || answer === 'yes';
  } finally {
    lines.close();
  }
}
