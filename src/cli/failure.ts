/** How a failed command ends: exit code, and what a person or a program reads on standard error. */
import type { BerthError, ErrorCode, StartPhase } from '../errors.ts';
import { errorData } from '../errors.ts';

/** The exit codes of every command; they stay as they are. */
export const EXIT = {
  ok: 0,
  usage: 1,
  auth: 3,
  unreachable: 4,
  serverFailed: 5,
  inputNeeded: 6,
  interrupted: 130,
} as const;

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  unauthorized: EXIT.auth,
  forbidden: EXIT.auth,
  unreachable: EXIT.unreachable,
  'resolve-failed': EXIT.serverFailed,
  'registry-failed': EXIT.serverFailed,
  'install-failed': EXIT.serverFailed,
  'start-failed': EXIT.serverFailed,
  'process-exited': EXIT.serverFailed,
  'remote-failed': EXIT.serverFailed,
  'cluster-refused': EXIT.serverFailed,
  'call-refused': EXIT.serverFailed,
  'call-failed': EXIT.serverFailed,
  'message-too-large': EXIT.serverFailed,
  'input-required': EXIT.inputNeeded,
  'request-timeout': EXIT.serverFailed,
  stopped: EXIT.serverFailed,
  busy: EXIT.serverFailed,
  internal: EXIT.serverFailed,
};

export function exitCodeOf(error: BerthError): number {
  return EXIT_CODES[error.code] ?? EXIT.usage;
}

/** One JSON line: `{"error":{code,message,status,hint,…}}`. */
export function failureLine(error: BerthError): string {
  const data = { ...errorData(error), code: error.code, message: error.message, status: error.status };
  return `${JSON.stringify({ error: data })}\n`;
}

/** What a message begins with that is read without its details; here they stand before it. */
const NAMES_PHASE = /^failed in phase \S+, /;
const SAYS_EXIT = /^exit code \d+ after \S+ s$/;

/** Some lines for a person, with the reason first and the next step last. `afterMs`: how long the failed start took. */
export function failureText(error: BerthError, afterMs?: number): string {
  const { phase, exitCode, stderr, fields } = error.details;
  const lines: string[] = [];
  if (phase === undefined) lines.push(`✗ ${error.message}`);
  else {
    const exit = exitCode === undefined || exitCode === null ? '' : `, exit code ${exitCode}`;
    const after = afterMs === undefined ? '' : ` after ${(afterMs / 1000).toFixed(1)} s`;
    lines.push(`✗ failed in phase ${phaseWord(phase)}${exit}${after}`);
    const reason = error.message.replace(NAMES_PHASE, '');
    if (exit === '' || !SAYS_EXIT.test(reason)) lines.push(`  error   ${reason}`);
  }
  for (const line of stderr ?? []) lines.push(`  stderr  ${clean(line)}`);
  if (error.code === 'bad-input')
    for (const { pointer, detail } of (fields ?? []).slice(1)) lines.push(`  also    ${pointer} ${detail}`);
  lines.push(`  hint    ${error.hint}`);
  return `${lines.join('\n')}\n`;
}

/** The word of a phase for people: starting the process and its handshake are one thing to them. */
export function phaseWord(phase: StartPhase): string {
  return phase === 'spawn' || phase === 'handshake' ? 'start' : phase;
}

/** Text of a server without what a terminal would obey. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}
