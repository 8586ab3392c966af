/** A failure of a pod's server as it is told over a link. */
import type { BerthError } from '../../errors.ts';
import type { FailureReport } from '../../supervisor/server-report.ts';

/** Lines of standard error that a status has room for. */
const STDERR_LINES = 20;

export function toFailureReport(error: BerthError): FailureReport {
  const { phase, exitCode, signal, reason, stderr } = error.details;
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    ...(phase && { phase }),
    ...(typeof exitCode === 'number' && { exitCode }),
    ...(typeof signal === 'string' && { signal }),
    ...(reason && { reason }),
    ...(stderr && stderr.length > 0 && { stderr: stderr.slice(-STDERR_LINES) }),
  };
}
