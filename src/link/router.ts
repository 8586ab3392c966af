/** Which replica serves what: by name for what exists, by rendezvous hash for what is new (data-path.md 5.4). */
import { createHash } from 'node:crypto';
import type { Link } from './link.ts';

export interface Replica {
  readonly name: string;
  readonly link: Link;
}

export interface ReplicaRouter {
  /** Replaces the ready replicas of a server; none removes it. */
  set(server: string, replicas: readonly Replica[]): void;
  /** The replica for a new conversation under an affinity key: the same one on every gateway, whoever asks. */
  route(server: string, affinity: string): { readonly replica: string; readonly link: Link } | undefined;
  /** The link to a named replica. */
  replica(server: string, name: string): Link | undefined;
}

export function createReplicaRouter(): ReplicaRouter {
  const servers = new Map<string, readonly Replica[]>();
  return {
    set(server, replicas) {
      if (replicas.length === 0) servers.delete(server);
      else servers.set(server, replicas);
    },
    route(server, affinity) {
      const replicas = servers.get(server);
      const chosen = replicas && rendezvous(replicas, server, affinity);
      return chosen && { replica: chosen.name, link: chosen.link };
    },
    replica: (server, name) => servers.get(server)?.find((replica) => replica.name === name)?.link,
  };
}

/** Rendezvous hashing: a replica that comes or goes moves only the keys that are its own. */
export function rendezvous<T extends { readonly name: string }>(
  replicas: readonly T[],
  server: string,
  affinity: string,
): T | undefined {
  if (replicas.length === 1) return replicas[0];
  let best: T | undefined;
  let bestWeight = '';
  for (const replica of replicas) {
    const weight = createHash('sha256').update(`${server}\0${affinity}\0${replica.name}`).digest('hex');
    if (weight <= bestWeight) continue;
    best = replica;
    bestWeight = weight;
  }
  return best;
}
