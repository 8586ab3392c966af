/** What an installer Job says at its end: its termination message, which Kubernetes cuts off at 4 KiB. */
import { toBerthError } from '../errors.ts';
import type { InstalledPackage } from '../packages/install-at.ts';

const MOST_BYTES = 4_096;
const MOST_LINES = 12;
const MOST_LINE = 200;
const MOST_TEXT = 600;

/** One line of JSON. Throws when a package's command alone is too long for it. */
export function successReport(digest: string, { resolved, launch, signatures }: InstalledPackage): string {
  const { ecosystem, name, version } = resolved;
  const report = { digest, package: { ecosystem, name, version }, launch };
  // What there is no room for stays unknown.
  const whole = JSON.stringify({ ...report, ...(signatures && { signatures }) });
  const text = Buffer.byteLength(whole) <= MOST_BYTES ? whole : JSON.stringify(report);
  if (Buffer.byteLength(text) > MOST_BYTES)
    throw new RangeError('the command of the package is too long to report');
  return text;
}

/** As much of the failure as fits; the last lines are the ones that tell most. */
export function failureReport(thrown: unknown): string {
  const error = toBerthError(thrown);
  const { phase = 'install', exitCode, stderr = [] } = error.details;
  const cause = error.code === 'internal' && thrown instanceof Error ? `: ${thrown.message}` : '';
  const lines = stderr.slice(-MOST_LINES).map((line) => line.slice(0, MOST_LINE));
  for (;;) {
    const text = JSON.stringify({
      error: {
        code: error.code,
        phase,
        message: `${error.message}${cause}`.slice(0, MOST_TEXT),
        hint: error.hint.slice(0, MOST_TEXT),
        ...(typeof exitCode === 'number' && { exitCode }),
        stderr: lines,
      },
    });
    if (Buffer.byteLength(text) <= MOST_BYTES) return text;
    lines.shift();
  }
}
