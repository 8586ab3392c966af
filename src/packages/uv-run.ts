/** How uv is made to wait for an index: as long as it says something, and again where it was cut off. */
import { setTimeout } from 'node:timers/promises';
import type { ProgramResult } from './run-program.ts';

/** Runs of one step; uv keeps what it has fetched. */
const MOST_RUNS = 3;
const PAUSE_MS = 500;
const SILENT = /timed out|timeout/i;
/** What may pass by itself. */
const PASSING =
  /connection (?:reset|closed|aborted)|broken pipe|unexpected eof|incomplete message|\b(?:429|50[0234])\b/i;
const HOST = /\bhttps?:\/\/(?:[^\s/@]*@)?([^\s/`'")]+)/;

/**
 * Its limit is one between bytes, in whole seconds. It asks once: by itself it would ask a silent index again and again; see
 * {@link runWithPatience}.
 */
export function uvPatience(silence: number): Record<string, string> {
  const seconds = `${Math.max(1, Math.ceil(silence / 1_000))}`;
  return { UV_HTTP_TIMEOUT: seconds, UV_HTTP_CONNECT_TIMEOUT: seconds, UV_HTTP_RETRIES: '0' };
}

/** The host that said nothing, if that is why it failed; `index` where uv names none. */
export function silentIndex({ stderr }: ProgramResult, index: URL): string | undefined {
  const text = stderr.join('\n');
  return SILENT.test(text) ? (HOST.exec(text)?.[1] ?? index.host) : undefined;
}

/** Runs it again after a failure that may pass by itself, and that did not come of silence. */
export async function runWithPatience(
  run: () => Promise<ProgramResult>,
  signal: AbortSignal | undefined,
): Promise<ProgramResult> {
  for (let runs = 1; ; runs++) {
    const result = await run();
    const text = result.stderr.join('\n');
    if (result.code === 0 || runs === MOST_RUNS || SILENT.test(text) || !PASSING.test(text)) return result;
    await setTimeout(PAUSE_MS * runs, undefined, signal && { signal });
  }
}
