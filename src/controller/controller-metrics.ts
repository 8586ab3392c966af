/** What a controller exposes: whether it leads, its queue, its looks, and what it sees while it leads. */
import { isInspection } from '../cluster/inspection.ts';
import type { McpServer } from '../cluster/mcp-server.ts';
import type { Job } from '../cluster/objects/installer-job.ts';
import { UID_LABEL } from '../cluster/objects/naming.ts';
import type { Emit, MetricSource } from '../metrics/metrics.ts';
import { STATUS_STATES } from '../servers/server-view.ts';
import type { ControllerCount } from './controller-count.ts';
import type { QueueLengths } from './work-queue.ts';

/** What is seen and done in a term, servers that are only tried among it. */
export interface TermMeasure {
  readonly servers: readonly McpServer[];
  readonly jobs: readonly Job[];
  /** Undefined before the first look. */
  readonly queue: QueueLengths | undefined;
}

const NOTHING_QUEUED: QueueLengths = { waiting: 0, running: 0, delayed: 0 };
const INSTALL_STATES = ['running', 'done', 'failed'] as const;

/** `term`: undefined while another one leads; what is not seen then is not told. */
export function createControllerSource(
  count: ControllerCount,
  term: () => TermMeasure | undefined,
  leads: () => boolean,
): MetricSource {
  return (emit) => {
    const measure = term();
    emit('berth_controller_leader', {}, leads() ? 1 : 0);
    emit('berth_controller_reconciles_total', { result: 'done' }, count.done);
    emit('berth_controller_reconciles_total', { result: 'failed' }, count.failed);
    emit('berth_controller_reconcile_duration_seconds', {}, count.durations);
    emit('berth_controller_watch_faults_total', {}, count.watchFaults);
    for (const [state, servers] of Object.entries(measure?.queue ?? NOTHING_QUEUED))
      emit('berth_controller_queue_length', { state }, servers);
    if (measure) emitSeen(emit, measure);
  };
}

/** In no metric is what is only tried. */
function withoutInspections({ servers, jobs }: TermMeasure): Pick<TermMeasure, 'servers' | 'jobs'> {
  const tried = new Set(servers.filter(isInspection).map(({ metadata }) => metadata.uid));
  return {
    servers: servers.filter((one) => !isInspection(one)),
    jobs: jobs.filter(({ metadata }) => !tried.has(metadata.labels?.[UID_LABEL])),
  };
}

function emitSeen(emit: Emit, measure: TermMeasure): void {
  const { servers, jobs } = withoutInspections(measure);
  for (const state of STATUS_STATES) {
    const those = servers.filter(({ status }) => (status?.state ?? 'pending') === state);
    emit('berth_servers', { state }, those.length);
  }
  for (const state of INSTALL_STATES)
    emit('berth_controller_installs', { state }, jobs.filter((job) => stateOf(job) === state).length);
}

function stateOf({ status }: Job): (typeof INSTALL_STATES)[number] {
  const is = (type: string): boolean =>
    status?.conditions?.some((one) => one.type === type && one.status === 'True') === true;
  return is('Complete') ? 'done' : is('Failed') ? 'failed' : 'running';
}
