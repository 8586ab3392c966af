/** Kills and starts parts of a cluster whose parts are processes of this machine. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ApiClient } from '../../../src/cluster/api-client.ts';
import { NAMESPACES } from '../../../src/cluster/resources.ts';
import { eventually } from './cluster.ts';

const PROGRAM =
  process.env.BERTH_TEST_PART ?? fileURLToPath(new URL('../../../../shared/cluster/part', import.meta.url));

/** Whether the cluster is such a one; of any other the tests cannot kill parts. */
export const HAS_PARTS = existsSync(PROGRAM);

export type Part = 'kube-apiserver' | 'containerd' | 'kubelet' | 'kube-controller-manager' | 'kube-scheduler';

const run = promisify(execFile);

/** Kills the part, and starts it again whatever comes of the work. */
export async function without(name: Part, work: () => Promise<void>): Promise<void> {
  await run(PROGRAM, ['kill', name]);
  try {
    await work();
  } finally {
    await start(name);
  }
}

/**
 * The cluster's own controllers after an API server that was away: begun anew once it answers again. Where they elect a leader, they end
 * when it is away for ten seconds; here, where they have no rival, each of their watches would wait for up to a minute.
 */
export async function renewControllers(client: ApiClient): Promise<void> {
  const isThere = () =>
    client.get(NAMESPACES, { name: 'default' }).then(
      (found) => found !== undefined,
      () => false,
    );
  await eventually('an answer of the API server', isThere);
  for (const name of ['kube-controller-manager', 'kube-scheduler'] as const) {
    await run(PROGRAM, ['kill', name]);
    await start(name);
  }
}

async function start(name: Part): Promise<void> {
  // What has just been killed may count as running for a moment.
  await eventually(`a new ${name}`, async () => {
    return !(await run(PROGRAM, ['start', name])).stderr.includes(`${name} runs`);
  });
}
