/** Whether the network of this pod is held to its policy: what no policy of a server allows is tried. */
import { connect, type Socket } from 'node:net';
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
  readonly connect?: Connect;
}

type Connect = (to: { readonly host: string; readonly port: number }) => Socket;

/** A policy reaches the node of a new pod a moment after the pod. */
const TRIES = 4;
const TRY_AGAIN = 1_000;
const PATIENCE = 2_000;
/** One packet may be lost without any policy. */
const SILENT = 2;
/** `silence`: what a policy makes of a call. */
type Heard = 'answer' | 'silence' | 'error';
const HEARD: Readonly<Record<string, Heard>> = {
  ECONNREFUSED: 'answer',
  ECONNRESET: 'answer',
  ETIMEDOUT: 'silence',
  // Where policies are kept by the kernel of the pod itself.
  EACCES: 'silence',
  EPERM: 'silence',
};

/**
 * `yes`: the API server does not answer, time and again, though it is there for every pod that nothing holds. `no`: it does, were it to
 * refuse. `unknown`: neither is seen. The tree of the package has come through the same network a moment ago, so that silence is not the
 * network's own.
 */
export async function checkIsolation(options: IsolationOptions): Promise<Isolation> {
  const { env, clock = systemClock, patience = PATIENCE, signal, connect: reach = connect } = options;
  const [host, port] = [env.KUBERNETES_SERVICE_HOST, Number(env.KUBERNETES_SERVICE_PORT)];
  if (host === undefined || !Number.isInteger(port) || port <= 0) return 'unknown';
  let heard: Heard = 'error';
  for (let tries = 0, silent = 0; tries < TRIES || silent > 0; tries++) {
    signal?.throwIfAborted();
    if (tries > 0) await pause(clock, TRY_AGAIN);
    heard = await call(reach({ host, port }), patience);
    silent = heard === 'silence' ? silent + 1 : 0;
    if (silent === SILENT) return 'yes';
  }
  return heard === 'answer' ? 'no' : 'unknown';
}

function call(socket: Socket, patience: number): Promise<Heard> {
  return new Promise((resolve) => {
    const end = (heard: Heard): void => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(patience, () => end('silence'));
    socket.once('connect', () => end('answer'));
    socket.once('error', ({ code = '' }: NodeJS.ErrnoException) => end(HEARD[code] ?? 'error'));
  });
}
