/** Sessions of a server in a cluster: its replicas are asked over their links. */
import { BerthError } from '../../errors.ts';
import type { LinkQuestion } from '../../link/question.ts';
import { type SessionView, viewSession } from '../../servers/session-view.ts';
import type { SessionReport } from '../../supervisor/session-report.ts';
import type { ClusterView } from './cluster-view.ts';

type Replicas = Pick<ClusterView['replicas'], 'of' | 'replica'>;

/** Of all replicas, oldest first. Rejects when one of them does not answer: a list with holes would look whole. */
export async function listSessions(replicas: Replicas, server: string): Promise<SessionView[]> {
  const lists = (await askAll(replicas, { what: 'sessions', server })) as SessionReport[][];
  const now = Date.now();
  return lists
    .flat()
    .map((report) => viewSession(report, now))
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

/** How many were ended: one by its id, or all. */
export async function endSessions(replicas: Replicas, server: string, session?: string): Promise<number> {
  const question = { what: 'end', server, ...(session !== undefined && { session }) } as const;
  const counts = (await askAll(replicas, question)) as number[];
  return counts.reduce((sum, count) => sum + count, 0);
}

async function askAll(replicas: Replicas, question: LinkQuestion): Promise<unknown[]> {
  const { server } = question;
  const links = replicas.of(server).flatMap(({ name }) => replicas.replica(server, name) ?? []);
  return Promise.all(links.map((link) => link.ask?.(question) ?? Promise.reject(silent())));
}

function silent(): BerthError {
  return new BerthError('internal', 'this link has no way to ask');
}
