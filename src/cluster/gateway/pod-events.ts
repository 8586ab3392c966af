/** Events of a server, its Deployment, its pods and their installers, as lines of a log: what the cluster has to say of them. */
import type { LogLine } from '../../servers/host.ts';
import type { ApiClient } from '../api-client.ts';
import { listAll } from '../list-all.ts';
import { type EventObject, eventTimeOf } from '../objects/event.ts';
import { createReflector } from '../reflector.ts';
import { EVENTS } from '../resources.ts';

export interface EventSubject {
  /** Of the server. */
  readonly name: string;
  /** Of its Deployment. */
  readonly deployment: string;
}

interface Where {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly namespace: string;
}

/** Milliseconds for the API server to list them. */
const LISTED_WITHIN = 30_000;
/** What the cluster puts behind the name of a Deployment, and of a ReplicaSet or a Job. */
const HASH = '[a-z0-9]{6,10}';
const SUFFIX = '[a-z0-9]{5}';
const INSTALLER = 'install-[0-9a-f]{8}';

/** Those that the cluster still has (an hour, as a rule), oldest first. */
export async function readPodEvents({ client, namespace }: Where, subject: EventSubject): Promise<LogLine[]> {
  const about = isAbout(subject);
  const signal = AbortSignal.timeout(LISTED_WITHIN);
  const { items } = await listAll<EventObject>(client, EVENTS, { namespace, signal });
  return items
    .filter(about)
    .map(toLine)
    .sort((a, b) => a.at - b.at);
}

/** Calls `line` for every further one, also for one that is repeated; returns the unsubscribe. */
export function followPodEvents(
  { client, namespace }: Where,
  subject: EventSubject,
  line: (line: LogLine) => void,
): () => void {
  const about = isAbout(subject);
  let live = false;
  const tell = (event: EventObject): void => {
    if (live && about(event)) line(toLine(event));
  };
  const reflector = createReflector<EventObject>({
    client,
    resource: EVENTS,
    selection: { namespace },
    handler: { added: tell, modified: tell },
  });
  reflector.synced.then(
    () => {
      live = true;
    },
    () => {},
  );
  return () => void reflector.close();
}

function isAbout({ name, deployment }: EventSubject): (event: EventObject) => boolean {
  const names: Readonly<Record<string, RegExp>> = {
    MCPServer: new RegExp(`^${escaped(name)}$`),
    Deployment: new RegExp(`^${escaped(deployment)}$`),
    ReplicaSet: new RegExp(`^${escaped(deployment)}-${HASH}$`),
    Job: new RegExp(`^${escaped(deployment)}-${INSTALLER}$`),
    Pod: new RegExp(`^${escaped(deployment)}-(?:${HASH}|${INSTALLER})-${SUFFIX}$`),
  };
  return ({ regarding: { kind = '', name: of = '' } = {} }) =>
    Object.hasOwn(names, kind) && names[kind]?.test(of) === true;
}

/** Names of objects have dots. */
function escaped(name: string): string {
  return name.replaceAll('.', '\\.');
}

function toLine(event: EventObject): LogLine {
  const { regarding = {}, type, reason = '', note = '' } = event;
  const times = event.series?.count ?? event.deprecatedCount ?? 1;
  const said = `${regarding.kind} ${regarding.name}: ${type === 'Warning' ? 'warning: ' : ''}${reason}: ${note.trim()}`;
  return {
    at: eventTimeOf(event),
    pid: 0,
    text: times > 1 ? `${said} (${times} times)` : said,
    source: 'event',
    ...(regarding.kind === 'Pod' && regarding.name !== undefined && { replica: regarding.name }),
  };
}
