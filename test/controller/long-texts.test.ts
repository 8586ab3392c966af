/** Texts of any length and language: what the API server would refuse as too long is cut. */
import { describe, expect, it } from 'vitest';
import type { McpServer, McpServerStatus } from '../../src/cluster/mcp-server.ts';
import { EVENTS, type KubeObject, MCP_SERVERS } from '../../src/cluster/resources.ts';
import { cutText } from '../../src/controller/cut-text.ts';
import { EventRecorder } from '../../src/controller/event-recorder.ts';
import { secretsProblem } from '../../src/controller/references.ts';
import { statusOf } from '../../src/controller/status.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

const server = { metadata: { namespace: 'ns', name: 'demo', uid: 'u' }, spec: {} } as McpServer;
const observed = { deployment: undefined, jobs: [], pods: [], lost: [], installers: [], claim: undefined };
/** As the CRD counts. */
const length = (text = ''): number => [...text].length;

describe('a text that is cut', () => {
  it.each([
    ['x', 1],
    ['ü', 2],
    ['読', 3],
    ['🚀', 4],
  ])('ends at a character: %s', (character, size) => {
    for (const most of [10, 11, 12, 13]) {
      const cut = cutText(character.repeat(20), most);
      expect(cut).toMatch(new RegExp(`^${character}*…$`, 'u'));
      const bytes = Buffer.byteLength(cut);
      expect(bytes).toBeLessThanOrEqual(most);
      expect(bytes + size).toBeGreaterThan(most);
    }
    expect(cutText(character, 4)).toBe(character);
  });
});

it('a status that names many Secrets fits into the schema', () => {
  const lacking = Array.from({ length: 100 }, (_, i) => ({
    name: `${'n'.repeat(240)}-${i}`,
    state: 'missing' as const,
    isLasting: true,
  }));
  const problem = secretsProblem(server, lacking);
  const { message, hint, conditions } = statusOf({
    ...{ server, observed, replicas: [], needs: [], problem, wanted: 1, now: 0 },
  });
  expect(message).toContain(lacking[0]?.name);
  expect(hint).toContain(lacking[0]?.name);
  expect(length(message)).toBeLessThanOrEqual(32_768);
  expect(length(hint)).toBeLessThanOrEqual(4_096);
  for (const condition of conditions) expect(length(condition.message)).toBeLessThanOrEqual(32_768);
});

it('an Event has at most 1024 bytes, in whatever language', async () => {
  const cluster = new FakeCluster();
  cluster.put(MCP_SERVERS, server);
  const recorder = new EventRecorder({ api: cluster, instance: 'one', now: () => 0 });
  const status = { state: 'failed', reason: 'ProcessEnded', message: '読み込めません'.repeat(200) };
  await recorder.changed(server, undefined, status as McpServerStatus);
  const [event] = cluster.list<KubeObject & { readonly note: string }>(EVENTS);
  expect(event?.note).toMatch(/^読み込/);
  expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1_024);
});
