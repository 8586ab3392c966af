/** How a program is told to end. */
import { type Cancel, type Clock, systemClock } from './clock.ts';

/** Within this many milliseconds it is the same press of Ctrl-C: the terminal tells the whole group, and npm tells its child again. */
const SAME_PRESS_MS = 250;
const INTERRUPTED = 130;

interface Program {
  on(signal: NodeJS.Signals, fn: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, fn: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
  readonly stdin: { readonly isTTY?: boolean };
}

/**
 * Calls `stop` on the first of these signals. What follows is not asked for twice, and never ends the program half-way, as it would
 * without a listener: one signal to a process group arrives from its sender, from npm and from the launcher. Only a second Ctrl-C at a
 * terminal ends the program at once, with the exit code 130.
 *
 * The returned function stops listening, unless a signal has come.
 */
export function onStopSignal(
  signals: readonly NodeJS.Signals[],
  stop: () => void,
  { program = process, clock = systemClock }: { readonly program?: Program; readonly clock?: Clock } = {},
): Cancel {
  let toldAt: number | undefined;
  const told = (signal: NodeJS.Signals): void => {
    if (toldAt === undefined) {
      toldAt = clock.now();
      stop();
    } else if (signal === 'SIGINT' && program.stdin.isTTY === true && clock.now() - toldAt >= SAME_PRESS_MS) {
      program.exit(INTERRUPTED);
    }
  };
  for (const signal of signals) program.on(signal, told);
  return () => {
    if (toldAt === undefined) for (const signal of signals) program.off(signal, told);
  };
}
