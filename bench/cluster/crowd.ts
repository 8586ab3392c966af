/** Many sessions at once on one pod: that every answer is its own, what they cost, and what is left of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReleasePod } from '../../test/cluster/support/release.ts';
import type { CrowdReport } from '../job.ts';
import { holdJob } from '../worker.ts';
import type { Carrier, Places } from './places.ts';
import type { ClusterPlan } from './plan.ts';
import { type PodProcess, processesIn, residentIn } from './pods.ts';

const DEADLINE_MS = 180_000;
const SETTLE_MS = 3_000;
/** A link closes a minute after its last session. */
const GONE_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 2_000;
/** Sessions before anything counts: programs have compiled what they need. */
const WARM_UP = 50;

export interface CrowdResult extends CrowdReport {
  /** Growth of the gateway's and the supervisor's resident memory together. */
  readonly kibPerSession: number;
  readonly gatewayKib: number;
  readonly supervisorKib: number;
  /** Programs of the link and sessions that are left when all sessions have ended. */
  readonly left: number;
}

interface Pods {
  readonly gateway: ReleasePod;
  readonly server: ReleasePod;
}

export async function measureCrowd(
  places: Places,
  carrier: Carrier,
  plan: Pick<ClusterPlan, 'crowd' | 'crowdCalls'>,
): Promise<CrowdResult> {
  const { release } = places[carrier];
  const [gateway] = await release.pods('gateway');
  const [server] = await release.serverPods('crowd');
  if (!gateway || !server) throw new Error('there is no pod to measure');
  const pods = { gateway, server };
  // The controller has a link of its own, to hear how the server fares.
  const joinedBefore = (await joins(server)).length;
  const target = places[carrier].target('crowd');
  const job = { mode: 'crowd', transport: 'http', target, calls: plan.crowdCalls } as const;
  const warm = holdJob({ ...job, count: WARM_UP });
  try {
    await warm.next<CrowdReport>(DEADLINE_MS);
  } finally {
    await warm.close(DEADLINE_MS);
  }
  const before = await memory(pods);
  const crowd = holdJob({ ...job, count: plan.crowd });
  let report: CrowdReport;
  let after: Memory;
  try {
    report = await crowd.next<CrowdReport>(DEADLINE_MS);
    after = await memory(pods);
  } finally {
    await crowd.close(DEADLINE_MS);
  }
  const gatewayKib = (after.gateway - before.gateway) / report.opened;
  const supervisorKib = (after.supervisor - before.supervisor) / report.opened;
  const kibPerSession = gatewayKib + supervisorKib;
  // The process that they share stays for the next one.
  const sessions = async (): Promise<number> =>
    (await release.api.sessions('crowd')).filter(({ kind }) => kind !== 'process').length;
  const left = await leftOver(sessions, async () => (await joins(server)).length - joinedBefore);
  return { ...report, gatewayKib, supervisorKib, kibPerSession, left };
}

interface Memory {
  readonly gateway: number;
  readonly supervisor: number;
}

async function memory({ gateway, server }: Pods): Promise<Memory> {
  await sleep(SETTLE_MS);
  return {
    gateway: await residentIn(gateway, 'gateway', 'dist/main.js'),
    supervisor: await residentIn(server, 'supervisor', 'supervisor/main.js'),
  };
}

/** What execs have brought to the supervisor. */
function joins(server: ReleasePod): Promise<PodProcess[]> {
  return processesIn(server, 'supervisor', ' join ');
}

/** Sessions, and programs that joined gateway and supervisor; looks until there are none, or it has taken too long. */
async function leftOver(sessions: () => Promise<number>, joined: () => Promise<number>): Promise<number> {
  const end = performance.now() + GONE_WITHIN_MS;
  let ended = false;
  for (;;) {
    // To ask for sessions wakes the link.
    const open: number = ended ? 0 : await sessions();
    ended ||= open === 0;
    const left = open + Math.max(0, await joined());
    if (left === 0 || performance.now() > end) return left;
    await sleep(LOOK_EVERY_MS);
  }
}
