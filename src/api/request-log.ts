/** One line of the log for each request that is over. */
import type { Log } from '../log/log.ts';
import type { RequestReport } from '../transports/http-server.ts';

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Of servers and groups of them: as many as there are calls. */
const OF_CLIENTS = /^\/(?:servers|groups)\//;

/** Failures of ours are warnings, changes are told, what was only read or called is for whoever looks closely. */
export function createRequestLog(log: Log): (report: RequestReport) => void {
  return (report) => log[levelOf(report)](report, 'a request is over');
}

function levelOf({ method, endpoint, status }: RequestReport): 'warn' | 'info' | 'debug' {
  if (status >= 500) return 'warn';
  return READING.has(method) || OF_CLIENTS.test(endpoint) ? 'debug' : 'info';
}
