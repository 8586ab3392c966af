/** The start of a server as its status tells it: phases as they are reached, and how it ended. */
import { StartLog } from '../../servers/start-log.ts';
import type { McpServer } from '../mcp-server.ts';
import type { ClusterView } from './cluster-view.ts';
import { failureOf, isObserved, isPhase, stateOf } from './resource-state.ts';

/** Begins with where the start is now; follows the status until it runs, has failed, is stopped or gone. */
export function startLogOf(
  view: Pick<ClusterView, 'server' | 'changes'>,
  name: string,
  onEnd: () => void,
): { readonly log: StartLog; readonly ended: boolean } {
  const log = new StartLog();
  let phase: string | undefined;
  const look = (): boolean => {
    const resource = view.server(name);
    const { status } = resource ?? {};
    if (resource && isObserved(resource) && isPhase(status?.phase) && status.phase !== phase) {
      phase = status.phase;
      log.add({ type: 'phase', phase: status.phase, state: 'started' });
    }
    return addEnd(log, resource);
  };
  if (look()) return { log, ended: true };
  const leave = view.changes.listen(name, () => {
    if (!look()) return;
    leave();
    onEnd();
  });
  return { log, ended: false };
}

/** True when the start is over. */
function addEnd(log: StartLog, resource: McpServer | undefined): boolean {
  const state = resource ? stateOf(resource) : 'stopped';
  const failure = resource && failureOf(resource);
  if (failure) {
    const { code, message, hint, details } = failure;
    const { phase } = details;
    log.add({ type: 'failed', failure: { code, message, hint, ...(phase && { phase }) } });
  } else if (state === 'running') log.add({ type: 'running' });
  else if (state === 'stopped') log.add({ type: 'stopped' });
  else return false;
  return true;
}
