/** Carries links through the cluster's API server: one exec into the supervisor's container, nothing listens on the network. */
import type { Duplex } from 'node:stream';
import { type Clock, pause, systemClock } from '../clock.ts';
import { Turns } from '../servers/turns.ts';
import type { ClusterAccess } from './access.ts';
import { apiStatusOf } from './api-status.ts';
import { type ExecChannel, openExec } from './exec-channel.ts';
import { describeExit } from './exec-exit.ts';

/** Execs that are being opened at once: after a restart of the API server all links come back in one moment. */
const MOST_OPENING = 50;
/** Milliseconds that an API server's wish to be left alone is followed at most. */
const LONGEST_WAIT = 30_000;

/** Where a supervisor runs, and how it is joined there. */
export interface JoinTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The supervisor's link socket, as the container sees it. */
  readonly socket: string;
  /** The program that joins standard input and output to the socket. */
  readonly program?: string;
}

export interface ExecCarrierOptions {
  readonly access: ClusterAccess;
  readonly clock?: Clock;
  /** An exec has ended of which the supervisor's end of the link knows nothing: why, with the last lines of standard error. */
  readonly onEnd?: (target: JoinTarget, why: string, stderr: readonly string[]) => void;
}

export interface ExecCarrier {
  /** A new byte stream to a supervisor, as `createSocketLink` wants it. Rejects like {@link openExec}. */
  connect(target: JoinTarget, signal: AbortSignal): Promise<Duplex>;
}

/** One for a whole gateway. */
export function createExecCarrier(options: ExecCarrierOptions): ExecCarrier {
  const { access, clock = systemClock } = options;
  const turns = new Turns(MOST_OPENING);
  let notBefore = 0;

  const open = async (target: JoinTarget, signal: AbortSignal): Promise<ExecChannel> => {
    await pause(notBefore - clock.now(), clock, signal);
    try {
      return await openExec({ access, target: { ...target, command: joinCommand(target) }, signal, clock });
    } catch (error) {
      const wish = Math.min(apiStatusOf(error)?.retryAfter ?? 0, LONGEST_WAIT);
      notBefore = Math.max(notBefore, clock.now() + wish);
      throw error;
    }
  };
  return {
    connect: async (target, signal) => {
      const giveBack = await turns.take(signal);
      try {
        const channel = await open(target, signal);
        reportEnd(channel, target, options.onEnd);
        return channel;
      } finally {
        giveBack();
      }
    },
  };
}

/** Constant but for the path of the socket, so that an admission policy can tell it from any other command. */
export function joinCommand({ program = '/berth/bin/berth-spawn', socket }: JoinTarget): string[] {
  return [program, 'join', '--socket', socket];
}

function reportEnd(channel: ExecChannel, target: JoinTarget, onEnd: ExecCarrierOptions['onEnd']): void {
  void channel.exit.then((exit) => {
    if (exit.kind !== 'closed') onEnd?.(target, describeExit(exit), channel.stderr);
  });
}
