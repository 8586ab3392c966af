/** How a supervisor fares, in few words: what the probes of its pod print, and so what `kubectl describe` shows. */
import type { BerthError } from '../errors.ts';
import { lastWords } from '../log/last-words.ts';
import type { PoolStatus } from './process-pool.ts';

/** The words that `berth-spawn probe` knows (`spawn/files.c`). Ready is only `ready`; all but `stopped` are alive. */
export type SupervisorState = 'starting' | 'ready' | 'failing' | 'draining' | 'stopped';

/** How one server fares. */
export interface ServerFare {
  /** A handshake with it has come through. */
  readonly open: boolean;
  /** Its package is not there yet. */
  readonly fetching?: boolean;
  readonly sessions: number;
  /** Processes or connections that have not ended. */
  readonly processes: number;
  /** Absent for a server that is no process here. */
  readonly pool?: PoolStatus;
  /** Why its handshake or its checks fail. */
  readonly failure?: BerthError;
}

export interface ServerStatus extends ServerFare {
  readonly name: string;
}

export interface SupervisorStatus {
  readonly state: SupervisorState;
  readonly servers: readonly ServerStatus[];
  /** What stands in the way of being ready, beside what the servers' pools say. */
  readonly failure?: BerthError;
}

/** Bytes of the whole; the message of an Event has room for it. */
const MAX_BYTES = 1_000;
const MAX_LINE = 240;
const MAX_SERVERS = 3;

/** Whether its handshake or its checks fail, or none of its processes runs and the newest start is the reason. */
export function isFailing({ failure, pool }: Pick<ServerStatus, 'failure' | 'pool'>): boolean {
  if (failure) return true;
  return pool !== undefined && (pool.state === 'failed' || (pool.reason !== undefined && pool.live === 0));
}

/** The state word and the counts on the first line, then the newest failure, then each server. Ends with a line break. */
export function statusText({ state, servers, failure }: SupervisorStatus): string {
  const sessions = servers.reduce((sum, one) => sum + one.sessions, 0);
  const processes = servers.reduce((sum, one) => sum + one.processes, 0);
  const newest = failure ?? reasonOf(servers.find(isFailing) ?? servers.find(({ pool }) => pool?.reason));
  const lines = [
    `${state} sessions=${sessions} processes=${processes}`,
    ...(newest ? failureLines(newest) : []),
    ...servers.slice(0, MAX_SERVERS).map(serverLine),
  ];
  return cutBytes(lines.map(toLine).join('\n'), MAX_BYTES - 1).concat('\n');
}

function failureLines(failure: BerthError): string[] {
  const { phase, stderr } = failure.details;
  const last = lastWords(stderr ?? []);
  return [
    `failure ${phase ? `phase=${phase} ` : ''}${failure.code}: ${failure.message}`,
    `hint: ${failure.hint}`,
    ...(last === undefined ? [] : [`stderr: ${last}`]),
  ];
}

function reasonOf(server: ServerStatus | undefined): BerthError | undefined {
  return server?.failure ?? server?.pool?.reason;
}

function serverLine({ name, open, fetching, sessions, processes, pool }: ServerStatus): string {
  const state = open ? (pool?.state ?? 'ready') : fetching ? 'install' : 'handshake';
  return `server ${name}: ${state} sessions=${sessions} processes=${processes} spares=${pool?.spares ?? 0}`;
}

function toLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return plain.length > MAX_LINE ? `${plain.slice(0, MAX_LINE)} […]` : plain;
}

function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= most ? text : bytes.toString('utf8', 0, most).replace(/\ufffd+$/, '');
}
