/** What the doctor says of the processes that nodes let a pod have, which real clusters of ours leave as they come. */
import { expect, it } from 'vitest';
import type { ApiClient } from '../../src/cluster/api-client.ts';
import { ApiStatus, refusalError } from '../../src/cluster/api-status.ts';
import { checkProcessLimit } from '../../src/cluster/doctor/cluster-checks.ts';
import type { Finding } from '../../src/cluster/doctor/finding.ts';

const CHECK = 'process limit';
const PATH = /^\/api\/v1\/nodes\/([^/]+)\/proxy\/configz$/;

/** By node, what its kubelet answers: its settings, or the HTTP status that refuses them. */
type Nodes = Readonly<Record<string, object | number>>;

const limited = (podPidsLimit: number): object => ({ kubeletconfig: { podPidsLimit } });

async function told(nodes: Nodes): Promise<Finding> {
  const items = Object.keys(nodes).map((name) => ({ metadata: { name } }));
  const client = {
    list: async () => ({ items, resourceVersion: '1' }),
    read: async (path: string, doing: string) => {
      const answer = nodes[PATH.exec(path)?.[1] ?? ''] ?? 404;
      if (typeof answer !== 'number') return answer;
      throw refusalError(doing, new ApiStatus(answer, { message: 'not for you', reason: '' }));
    },
  };
  return await checkProcessLimit(client as unknown as Pick<ApiClient, 'list' | 'read'>);
}

it.each([1_024, 4_096])('is content with nodes that let a pod have %i processes', async (limit) => {
  expect(await told({ one: limited(limit), two: limited(limit) })).toEqual({
    check: CHECK,
    state: 'ok',
    message: `a pod may have ${limit} processes and threads`,
  });
});

it('names the node that lets a pod have too few for its sessions, and two ways out', async () => {
  expect(await told({ one: limited(4_096), two: limited(1_023) })).toEqual({
    check: CHECK,
    state: 'warning',
    message: 'node two lets a pod have 1023 processes and threads: about 45 sessions in Node use 500',
    fix: 'Raise podPidsLimit of the kubelets to 1024 or more, or set limits.sessions of servers.',
  });
});

it.each([
  ['has no limit', limited(-1)],
  ['has a limit of nought, which is none', limited(0)],
  ['says nothing of a limit', { kubeletconfig: {} }],
  ['says nothing at all', {}],
])('names the node that %s, even beside one that lets a pod have too few', async (_what, settings) => {
  expect(await told({ one: limited(100), two: settings })).toEqual({
    check: CHECK,
    state: 'warning',
    message: "node two lets a pod have as many processes as it likes: one server can use up the node's",
    fix: 'Set podPidsLimit in the configuration of the kubelets, to 4096 for example.',
  });
});

it.each([
  [403, 'Run berth doctor with an account that may look at that, such as an administrator’s.'],
  [503, 'See whether the API server is well, and try again.'],
])('cannot tell where a node answers with %i, and says what to do', async (code, fix) => {
  expect(await told({ one: limited(4_096), two: code })).toEqual({
    check: CHECK,
    state: 'unknown',
    message: 'cannot ask node two for its settings: not for you',
    fix,
  });
});

it('cannot tell where there is no node to ask', async () => {
  expect(await told({})).toEqual({
    check: CHECK,
    state: 'unknown',
    message: 'the cluster has no node that could be asked',
    fix: 'Try again once the cluster has nodes.',
  });
});
