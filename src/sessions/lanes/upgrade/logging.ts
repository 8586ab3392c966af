/** Log messages of a legacy server for modern clients, who name a level with each request. */
import { readString } from '../../../jsonrpc/envelope.ts';
import { membersOf } from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';
import type { Upstream } from '../../upstream.ts';

/** From the most verbose to the least. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
const QUOTE = 0x22;

/** How much a level lets through: 0 is all; -1 for what is no level. */
export function verbosity(level: string | undefined): number {
  return level === undefined ? -1 : LEVELS.indexOf(level);
}

/** The params of the request that sets a level, as {@link verbosity} counts it. */
export function setLevelParams(level: number): string {
  return JSON.stringify({ level: LEVELS[level] });
}

/** The level of a log message, or of a request that sets it, as {@link verbosity} counts. */
export function levelOf({ bytes, envelope }: ClientMessage): number {
  const level = membersOf(bytes, envelope.paramsStart).find(({ name }) => name === 'level');
  return level && bytes[level.valueStart] === QUOTE
    ? verbosity(readString(bytes, level.valueStart, level.end))
    : -1;
}

/** Keeps the server's level at the most verbose one that was asked for. */
export class ServerLevel {
  #level = LEVELS.length;

  /** A request wants messages of this level and above. */
  want(upstream: Upstream, level: number): void {
    if (level < 0 || level >= this.#level) return;
    this.#level = level;
    upstream.request('logging/setLevel', setLevelParams(level), {
      rawToken: undefined,
      answered() {},
      progressed() {},
      failed() {},
    });
  }
}
