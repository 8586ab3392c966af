/** Logs of a server's pods, of all their containers, in one order. */
import { BerthError, toBerthError } from '../../errors.ts';
import { LineSplitter } from '../../jsonrpc/framing.ts';
import type { LogLine, StderrLine } from '../../servers/host.ts';
import { readSaidLine } from '../../supervisor/said-line.ts';
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import { type Pod, SUPERVISOR } from './replica-pod.ts';

/** Bytes of one line; the kubelet itself cuts at 16 KiB. */
const MOST_LINE = 64 * 1024;

interface LogSource {
  readonly target: { readonly namespace: string | undefined; readonly name: string };
  readonly container: string;
}

/**
 * The newest lines over all containers, oldest first. Containers that have not started have none; a pod whose log cannot be read is
 * left out, and the last lines say so. Rejects when not one can be read.
 */
export async function readPodLogs(
  client: Pick<ApiClient, 'log'>,
  pods: readonly Pod[],
  tail: number,
): Promise<LogLine[]> {
  if (tail === 0) return [];
  const lines: LogLine[] = [];
  const faults = new Map<string, LogLine>();
  const signal = new AbortController().signal;
  const read = async (source: LogSource): Promise<unknown> => {
    const reading = { tail, follow: false, signal, line: (line: StderrLine) => lines.push(line) };
    try {
      return void (await readSource(client, source, reading));
    } catch (thrown) {
      faults.set(source.target.name, leftOut(source, thrown));
      return thrown;
    }
  };
  const thrown = await Promise.all(pods.flatMap(sourcesOf).map(read));
  if (lines.length === 0 && thrown.length > 0 && thrown.every(Boolean)) throw thrown[0];
  return [...lines.sort((a, b) => a.at - b.at), ...faults.values()].slice(-tail);
}

function leftOut({ target: { name } }: LogSource, thrown: unknown): LogLine {
  const text = `${name} is left out: ${toBerthError(thrown).message}`;
  return { at: Date.now(), pid: 0, text, replica: name, source: 'gateway', level: 'warn' };
}

/** Calls `line` for every further line of the pods until the signal; a container whose log cannot be read is left out. */
export function followPodLogs(
  client: Pick<ApiClient, 'log'>,
  pods: readonly Pod[],
  { line, signal }: { readonly line: (line: StderrLine) => void; readonly signal: AbortSignal },
): void {
  for (const source of pods.flatMap(sourcesOf))
    readSource(client, source, { tail: 0, follow: true, signal, line }).catch(() => {});
}

function sourcesOf({ metadata, spec }: Pod): LogSource[] {
  const target = { namespace: metadata.namespace, name: metadata.name ?? '' };
  const names = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ name }) => name);
  return names.map((container) => ({ target, container }));
}

interface Reading {
  readonly tail: number;
  readonly follow: boolean;
  readonly signal: AbortSignal;
  readonly line: (line: StderrLine) => void;
}

async function readSource(
  client: Pick<ApiClient, 'log'>,
  { target, container }: LogSource,
  { tail, follow, signal, line }: Reading,
): Promise<void> {
  const splitter = new LineSplitter(MOST_LINE, {
    line: (bytes) => {
      if (bytes.length === 0) return;
      const parsed = parseLine(bytes.toString('utf8'));
      line({ ...(container === SUPERVISOR ? said(parsed) : parsed), replica: target.name, container });
    },
    oversized: () => {},
  });
  try {
    for await (const bytes of await client.log(target, { container, tail, follow }, signal))
      splitter.push(bytes as Buffer);
    splitter.end();
  } catch (error) {
    if (signal.aborted || hasNoLog(error)) return;
    throw error instanceof BerthError ? error : broken(error);
  }
}

/** It has not started (400), or is gone (404). */
function hasNoLog(error: unknown): boolean {
  const code = apiStatusOf(error)?.code;
  return code === 400 || code === 404;
}

function broken(cause: unknown): BerthError {
  return new BerthError('busy', 'the connection to a log broke', { cause: toBerthError(cause) });
}

/** What the server said, where that is what the supervisor wrote down. */
function said(line: StderrLine): StderrLine {
  const found = readSaidLine(line.text);
  return found ? { ...line, pid: found.pid, text: found.stderr } : line;
}

/** Time, a space, the text. */
function parseLine(text: string): StderrLine {
  const space = text.indexOf(' ');
  const at = Date.parse(text.slice(0, space));
  return Number.isNaN(at) ? { at: 0, pid: 0, text } : { at, pid: 0, text: text.slice(space + 1) };
}
