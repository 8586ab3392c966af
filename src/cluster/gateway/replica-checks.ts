/** Health checks of a server in a cluster, made by its replicas when somebody asks. */
import { BerthError, toBerthError } from '../../errors.ts';
import type { Link } from '../../link/link.ts';
import type { HealthView } from '../../servers/server-view.ts';
import type { CheckReport } from '../../supervisor/server-report.ts';
import type { ClusterView } from './cluster-view.ts';

/** Questions to one replica, each of which may wait for some seconds: longer than a check may take. */
const MOST_QUESTIONS = 60;

/** What was found: of the replica that fails, where one does. Undefined where none can be asked just now. */
export async function checkReplicas(
  replicas: Pick<ClusterView['replicas'], 'of' | 'replica'>,
  server: string,
): Promise<Partial<HealthView> | undefined> {
  const running = replicas.of(server).filter(({ running, leaving }) => running && !leaving);
  const links = running.flatMap(({ name }) => replicas.replica(server, name) ?? []);
  const reports = (await Promise.all(links.map((link) => checkOne(link, server)))).filter(
    (report) => report !== undefined,
  );
  const [first] = reports;
  return first && toHealth(reports.find(({ failure }) => failure) ?? first);
}

/** Undefined for one that cannot be asked, or is of before and does not know the question. */
async function checkOne(link: Link, server: string): Promise<CheckReport | undefined> {
  try {
    for (let asked = 0; asked < MOST_QUESTIONS; asked++) {
      const report = (await link.ask?.({ what: 'check', server })) as CheckReport | null | undefined;
      if (!report || report.over) return report ?? undefined;
    }
    throw new BerthError('busy', 'the health check is not over');
  } catch (thrown) {
    if (toBerthError(thrown).code === 'busy' || toBerthError(thrown).code === 'internal') return undefined;
    throw thrown;
  }
}

function toHealth({ check, failure }: CheckReport): Partial<HealthView> {
  const lastCheck = check && {
    at: new Date(Date.now() - check.ageMs).toISOString(),
    ms: check.ms,
    failures: check.failures,
  };
  if (!failure) return { health: 'healthy', ...(lastCheck && { lastCheck }) };
  return {
    health: 'unhealthy',
    message: failure.message,
    hint: failure.hint,
    failure,
    ...(lastCheck && { lastCheck }),
  };
}
