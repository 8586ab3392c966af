/** The benchmark against the cluster that KUBECONFIG names, with the images of BERTH_TEST_IMAGES. */
import { loadavg } from 'node:os';
import { run } from '../../test/cluster/support/tools.ts';
import { measureAll, wantedCarriers } from './measures.ts';
import { clusterPage } from './page.ts';
import { openPlaces } from './places.ts';
import type { ClusterPlan } from './plan.ts';

interface ClusterOptions {
  readonly plan: ClusterPlan;
  /** Only cases whose name contains this text. */
  readonly only: string;
  readonly log: (text: string) => void;
}

/** The page of a run. Needs helm and kubectl, as the tests of the cluster do, and pods that this machine can reach. */
export async function runCluster({ plan, only, log }: ClusterOptions): Promise<string> {
  if (!process.env.KUBECONFIG)
    throw new Error('KUBECONFIG is not set: it must name a cluster for the benchmark');
  const before = loadOfLastMinute();
  const kubernetes = serverVersion();
  const wanted = (name: string): boolean => name.includes(only);
  const places = await openPlaces(wantedCarriers(wanted), log);
  try {
    const books = await measureAll({ places, plan, log }, wanted);
    return clusterPage({ plan, books, kubernetes, load: { before, after: loadOfLastMinute() } });
  } finally {
    await places.close();
  }
}

function loadOfLastMinute(): number {
  return loadavg()[0] ?? Number.NaN;
}

function serverVersion(): string {
  const { serverVersion: version } = JSON.parse(run('kubectl', ['version', '-o', 'json'])) as {
    serverVersion: { gitVersion: string };
  };
  return version.gitVersion;
}
