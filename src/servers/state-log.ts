/** What becomes of servers, in the log of the gateway: one line for each state that one comes to. */
import type { Log } from '../log/log.ts';
import type { ServerView } from './server-view.ts';
import type { Servers } from './servers.ts';

/** Passed through on the way, or told by who finds it out (`degraded`). */
const UNTOLD: ReadonlySet<string> = new Set(['pending', 'starting', 'scaling', 'degraded']);

/** Returns what ends it. */
export function logStates(
  servers: { peek(name: string): ServerView | undefined } & Pick<Servers, 'watch'>,
  log: Log,
): () => void {
  const told = new Map<string, string>();
  return servers.watch((name) => {
    const view = servers.peek(name);
    const state = view?.status.state ?? 'removed';
    if (told.get(name) === state || UNTOLD.has(state)) return;
    if (view) told.set(name, state);
    else told.delete(name);
    const { code, phase } = view?.status.failure ?? {};
    const fields = { server: name, state, ...(code && { code }), ...(phase && { phase }) };
    log[state === 'failed' ? 'warn' : 'info'](fields, `a server is ${state}`);
  });
}
