/** How many processes a server may have for its clients, and what is said when there is no room for another one. */
import { BerthError } from '../errors.ts';
import type { ServerDefinition } from './server-definition.ts';

/** What a person can do where there is no room for another session or process. */
export const MORE_ROOM =
  'End sessions that are no longer used, or raise limits.sessions of the server. In a cluster: raise its memory limit, by which sessions are counted without limits.sessions, or its replicas.';

export function mostProcesses({ processes, limits }: Pick<ServerDefinition, 'processes' | 'limits'>): number {
  return processes ?? limits.sessions;
}

/** All of them are in use. */
export function tooManyProcesses(most: number): BerthError {
  return new BerthError('limit-reached', `${most} processes of this server are in use, its limit`, {
    hint: MORE_ROOM,
  });
}
