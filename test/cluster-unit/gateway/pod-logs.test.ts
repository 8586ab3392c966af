/** What the containers of a pod have written, as lines of the server. */
import { describe, expect, it } from 'vitest';
import { readPodLogs } from '../../../src/cluster/gateway/pod-logs.ts';
import type { Pod } from '../../../src/cluster/gateway/replica-pod.ts';

const pod = {
  metadata: { namespace: 'servers', name: 'mcp-lab-1' },
  spec: { initContainers: [{ name: 'supervisor' }], containers: [{ name: 'workload' }] },
} as unknown as Pod;

const AT = '2026-11-28T06:00:00.000000000Z';

function logs(texts: Readonly<Record<string, readonly string[]>>) {
  return {
    log: async (_target: unknown, { container }: { container: string }) =>
      (async function* () {
        for (const text of texts[container] ?? []) yield Buffer.from(`${AT} ${text}\n`);
      })(),
  } as never;
}

describe('the log of a pod', () => {
  it('has what its server says, as the supervisor writes it down, and what others say as it is', async () => {
    const said = '{"time":"2026-11-28T06:00:00.000Z","pid":64,"stderr":"lab starts {\\"a\\":1}"}';
    const lines = await readPodLogs(
      logs({ supervisor: ['{"ready":true}', said], workload: ['listening at @berth-spawn'] }),
      [pod],
      10,
    );
    expect(Object.fromEntries(lines.map(({ pid, text }) => [text, pid]))).toEqual({
      '{"ready":true}': 0,
      'lab starts {"a":1}': 64,
      'listening at @berth-spawn': 0,
    });
  });

  it('believes nobody but the supervisor', async () => {
    const forged = '{"pid":1,"stderr":"I am another process"}';
    const [line] = await readPodLogs(logs({ workload: [forged] }), [pod], 10);
    expect(line).toMatchObject({ pid: 0, text: forged, container: 'workload' });
  });
});
