/** Whether the network of this pod is held to its policy: what no policy of a server allows is tried. */
import { connect } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import type { Isolation } from './inspection-report.ts';
import { pause } from './kill-set-ladder.ts';

export interface IsolationOptions {
  /** Of this program: Kubernetes says in it where the API server is. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  /** Milliseconds in which the API server would have answered. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

/** A policy reaches the node of a new pod a moment after the pod. */
const TRIES = 4;
const TRY_AGAIN = 1_000;
const PATIENCE = 2_000;

/**
 * `yes`: the API server cannot be reached, though it is there for every pod that nothing holds. `no`: it can. The tree of the package has
 * come through the same network a moment ago, so that silence is not the network's own.
 */
export async function checkIsolation(options: IsolationOptions): Promise<Isolation> {
  const { env, clock = systemClock, patience = PATIENCE, signal } = options;
  const [host, port] = [env.KUBERNETES_SERVICE_HOST, Number(env.KUBERNETES_SERVICE_PORT)];
  if (host === undefined || !Number.isInteger(port) || port <= 0) return 'unknown';
  for (let tries = 0; tries < TRIES; tries++) {
    signal?.throwIfAborted();
    if (tries > 0) await pause(clock, TRY_AGAIN);
    if (!(await answers({ host, port, patience }))) return 'yes';
  }
  return 'no';
}

interface Call {
  readonly host: string;
  readonly port: number;
  readonly patience: number;
}

function answers({ host, port, patience }: Call): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(patience, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
