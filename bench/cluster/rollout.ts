/** Both gateways of a release are replaced under calls and streams. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningRelease, startRelease } from '../../test/cluster/support/release.ts';
import { runBeside } from '../../test/cluster/support/tools.ts';
import type { RolloutJob, RolloutReport } from '../job.ts';
import { holdJob } from '../worker.ts';
import { type Carrier, echoSpec } from './places.ts';
import type { ClusterPlan } from './plan.ts';

const OPEN_WITHIN_MS = 180_000;
const END_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;
/** Of calls before the rollout, and after it. */
const AROUND_MS = 5_000;
/** In which a gateway that is deleted is still called: of the chart. */
const PRE_STOP_SECONDS = 5;
export const GATEWAYS = 2;

export interface RolloutResult extends RolloutReport {
  /** That were open before. */
  readonly streams: number;
  /** Of each gateway that was replaced, seconds from its SIGTERM to its end, as a look every quarter of a second shows it. */
  readonly exits: readonly number[];
  /** Seconds until both were replaced. */
  readonly rollout: number;
}

export async function measureRollout(
  carrier: Carrier,
  plan: Pick<ClusterPlan, 'streams' | 'callsPerSecond'>,
): Promise<RolloutResult> {
  const release = await startRelease({
    gateway: { replicas: GATEWAYS, preStopSeconds: PRE_STOP_SECONDS },
    controller: { replicas: 1 },
    link: { carrier },
  });
  try {
    await release.run(echoSpec('crowd'));
    return await replaceUnderLoad(release, plan);
  } finally {
    await release.close();
  }
}

async function replaceUnderLoad(
  release: RunningRelease,
  { streams, callsPerSecond }: Pick<ClusterPlan, 'streams' | 'callsPerSecond'>,
): Promise<RolloutResult> {
  const { hostname, port, host } = new URL(release.url);
  const target = {
    address: hostname,
    port: Number(port),
    host,
    path: '/servers/crowd/mcp',
    key: release.key,
  };
  const job: RolloutJob = { mode: 'rollout', transport: 'http', target, streams, perSecond: callsPerSecond };
  const load = holdJob(job);
  try {
    const { streams: open } = await load.next<{ readonly streams: number }>(OPEN_WITHIN_MS);
    await sleep(AROUND_MS);
    const watch = watchGateways(release);
    const began = performance.now();
    const deployment = ['-n', release.namespace, `deployment/${release.name}-gateway`];
    await runBeside('kubectl', ['rollout', 'restart', ...deployment]);
    await runBeside('kubectl', ['rollout', 'status', ...deployment, '--timeout=300s']);
    const exits = await watch;
    const rollout = (performance.now() - began) / 1_000;
    await sleep(AROUND_MS);
    load.finish();
    return { ...(await load.next<RolloutReport>(END_WITHIN_MS)), streams: open, exits, rollout };
  } finally {
    await load.close(END_WITHIN_MS);
  }
}

/** Resolves once all gateways that are there now have gone. */
async function watchGateways(release: RunningRelease): Promise<number[]> {
  const left = new Set((await release.pods('gateway')).map(({ metadata }) => metadata.uid));
  const told = new Map<string, number>();
  const exits: number[] = [];
  while (left.size > 0) {
    await sleep(LOOK_EVERY_MS);
    const pods = new Map((await release.pods('gateway')).map((pod) => [pod.metadata.uid, pod]));
    const now = performance.now() / 1_000;
    for (const uid of left) {
      const pod = pods.get(uid);
      if (uid !== undefined && pod?.metadata.deletionTimestamp !== undefined && !told.has(uid))
        told.set(uid, now);
      if (pod) continue;
      left.delete(uid);
      exits.push(now - (told.get(uid ?? '') ?? Number.NaN) - PRE_STOP_SECONDS);
    }
  }
  return exits;
}
