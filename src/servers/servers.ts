/** What the API needs of whatever manages servers: one machine, or a cluster. */
import { BerthError } from '../errors.ts';
import type { CheckView } from './health-history.ts';
import type { LogLine, StderrLine } from './host.ts';
import type { ServerSpec } from './server-spec.ts';
import type { HealthView, ServerView } from './server-view.ts';
import type { SessionView } from './session-view.ts';
import type { StartLog } from './start-log.ts';
import type { UsageReport } from './usage-recorder.ts';

type Awaitable<T> = T | Promise<T>;

/** Which server a change is meant for. */
export interface ServerVersion {
  readonly id: string;
  /** As in a {@link ServerView}. */
  readonly revision: string;
}

export interface Condition {
  /** False for a server that was changed meanwhile: nothing is done then, and the verb throws `precondition-failed`. */
  readonly onlyIf?: ((version: ServerVersion) => boolean) | undefined;
}

export interface StopOptions extends Condition {
  /** Gives sessions and processes no time. */
  readonly force?: boolean;
}

export interface WaitOptions extends Condition {
  /** Wait until the server runs or its start has failed. */
  readonly wait?: boolean;
  /** Ends the waiting, not the start. */
  readonly signal?: AbortSignal;
}

/** Verbs on a name throw `not-found` where there is no such server. */
export interface Servers {
  /** Creates and starts a server; the same specification again starts the one that is there. */
  run(spec: ServerSpec, options?: WaitOptions): Promise<{ server: ServerView; created: boolean }>;
  /** Idempotent. With `wait` it rejects with the failure of the start. */
  start(name: string, options?: WaitOptions): Promise<ServerView>;
  /** Idempotent. */
  stop(name: string, options?: StopOptions): Promise<ServerView>;
  /** Makes its processes anew; starts it when it was stopped. */
  restart(name: string, options?: WaitOptions): Promise<ServerView>;
  /** Idempotent. Throws `not-allowed` for a number that this place cannot have. */
  scale(name: string, replicas: number, options?: WaitOptions): Promise<ServerView>;
  remove(name: string, options?: StopOptions): Promise<void>;
  get(name: string): Awaitable<ServerView>;
  /** All servers, by name. */
  list(): Awaitable<ServerView[]>;
  /** As it was last seen; undefined where there is no such server. */
  peek(name: string): Awaitable<ServerView | undefined>;
  /** Calls `listener` with the name of a server of which something may be new; returns the unsubscribe. */
  watch(listener: (name: string) => void): () => void;
  /** Its conversations, and its shared processes that no session is on, oldest first. */
  sessions(name: string): Awaitable<SessionView[]>;
  endSession(name: string, session: string): Promise<void>;
  endSessions(name: string): Promise<number>;
  checkHealth(name: string): Promise<HealthView>;
  /** How its checks came out, as far as that is kept, newest first. */
  checks(name: string): Awaitable<CheckView[]>;
  /** How much it was used in the last so many days, today included. */
  usage(name: string, days: number): Awaitable<UsageReport>;
  /** What happened in the newest start, and what still happens. */
  startLog(name: string): StartLog;
  /** The newest lines of its log, oldest first. */
  logs(name: string, lines: number): Awaitable<StderrLine[]>;
  /** Calls `line` for every further line; returns the unsubscribe. */
  followLogs(name: string, line: (line: StderrLine) => void): () => void;
  /** What the place where it runs has to say of it and its replicas, oldest first; absent where that is said nowhere. */
  happenings?(name: string): Promise<LogLine[]>;
  /** Calls `line` for every further one; returns the unsubscribe. */
  followHappenings?(name: string, line: (line: LogLine) => void): () => void;
}

/** Throws `precondition-failed` unless the server is what a change is meant for. */
export function checkCondition({ onlyIf }: Condition, version: ServerVersion): void {
  if (onlyIf === undefined || onlyIf(version)) return;
  throw new BerthError('precondition-failed', 'the server is no longer what this was meant for');
}

/** Replicas of one server. */
export const MOST_REPLICAS = 10;
