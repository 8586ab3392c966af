/** A server by its name, as far as it can be called. */
import { BerthError } from '../errors.ts';
import type { DataPlane, ServedServer } from './context.ts';

/** The server of that name, ready to be called; throws what its state says otherwise. */
export function serverOf({ directory }: Pick<DataPlane, 'directory'>, name: string): ServedServer {
  const server = directory.find(name);
  if (!server) throw new BerthError('not-found', `no server is called ${JSON.stringify(name)}`);
  if (server.failure) throw server.failure;
  if (server.state === 'stopped') throw stopped(name);
  if (server.state !== 'running') throw new BerthError('busy', `the server ${name} is ${server.state}`);
  return server;
}

/** Why nothing new can begin on a server that was found: no replica takes it. */
export function noReplica({ name, isEnding }: Pick<ServedServer, 'name' | 'isEnding'>): BerthError {
  return isEnding ? stopped(name) : new BerthError('busy', 'no replica of this server is ready');
}

function stopped(name: string): BerthError {
  return new BerthError('stopped', `the server ${name} is stopped`);
}

/** What a request has to wait for before it looks at a server of that name; undefined where waiting changes nothing. */
export function awaitedOf(
  { directory }: Pick<DataPlane, 'directory'>,
  name: string,
): ServedServer['awaited'] {
  const server = directory.find(name);
  return server ? server.awaited : directory.lookUp?.(name);
}
