/** Runs a program in place of this one: same input and output, signals passed on, same exit code. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];
const FROM_TERMINAL = new Set(['SIGINT', 'SIGQUIT']);
const PARENT_CHECK_MS = 500;

/** Resolves with the exit code, 128 + the signal's number for a program that a signal ended. */
export function runChild(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', ...options });
    const forward = (signal) => {
      // a terminal has already told every program in its foreground
      if (!(process.stdin.isTTY && FROM_TERMINAL.has(signal))) child.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, forward);
    const stopWatching = onOrphaned(() => child.kill('SIGTERM'));
    const settle = (end, value) => {
      stopWatching();
      for (const signal of SIGNALS) process.off(signal, forward);
      end(value);
    };
    child.once('error', (error) => settle(reject, error));
    child.once('exit', (code, signal) => settle(resolve, code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** npm ends its shell on a signal, and the shell tells nobody: a script of npm notices by the change of its parent. */
function onOrphaned(tell) {
  if (process.env.npm_lifecycle_event === undefined) return () => undefined;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    tell();
  }, PARENT_CHECK_MS);
  return () => clearInterval(timer);
}
