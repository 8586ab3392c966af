/** Kills and starts parts of a cluster whose parts are processes of this machine. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from './cluster.ts';

const PROGRAM =
  process.env.BERTH_TEST_PART ?? fileURLToPath(new URL('../../../../shared/cluster/part', import.meta.url));

/** Whether the cluster is such a one; of any other the tests cannot kill parts. */
export const HAS_PARTS = existsSync(PROGRAM);

export type Part = 'kube-apiserver' | 'containerd' | 'kubelet';

const run = promisify(execFile);

/** Kills the part, and starts it again whatever comes of the work. */
export async function without(name: Part, work: () => Promise<void>): Promise<void> {
  await run(PROGRAM, ['kill', name]);
  try {
    await work();
  } finally {
    // What has just been killed may count as running for a moment.
    await eventually(`a new ${name}`, async () => {
      return !(await run(PROGRAM, ['start', name])).stderr.includes(`${name} runs`);
    });
  }
}
