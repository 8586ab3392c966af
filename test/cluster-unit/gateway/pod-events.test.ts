/** Events of the cluster as lines of a server's log. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LogLine } from '../../../src/servers/host.ts';
import { until } from '../../link/waiting.ts';
import { createFixture, type Fixture, foreignDeployment, settled } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
  fixture.cluster.put('mcpservers', { metadata: { name: 'web', uid: 'u' }, spec: { replicas: 1 } });
  fixture.cluster.put('deployments', { ...foreignDeployment('other.one', 1), status: settled(1) });
  await until('the servers', () => {
    const { view } = fixture;
    return view.server('web') !== undefined && view.deployment('other.one') !== undefined;
  });
});
afterEach(() => fixture.close());

let count = 0;
function happen(kind: string, name: string, more: object = {}): void {
  fixture.cluster.put('events', {
    metadata: { name: `event-${++count}`, creationTimestamp: '2026-11-25T00:00:09Z' },
    ...{ regarding: { kind, name }, reason: 'Reason', note: `of ${kind} ${name}`, type: 'Normal', ...more },
  });
}

const said = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);

it('are those of the server, its Deployment, pods and installers, in order of their newest time', async () => {
  happen('Pod', 'mcp-web-5d6f7c8b9d-abcde', { eventTime: '2026-11-25T00:00:03.000000Z', type: 'Warning' });
  happen('MCPServer', 'web', { eventTime: '2026-11-25T00:00:01.000000Z' });
  happen('ReplicaSet', 'mcp-web-5d6f7c8b9d', {
    deprecatedLastTimestamp: '2026-11-25T00:00:02Z',
    deprecatedCount: 4,
  });
  happen('Deployment', 'mcp-web', {
    eventTime: '2026-11-25T00:00:00.000000Z',
    series: { count: 2, lastObservedTime: '2026-11-25T00:00:05.000000Z' },
  });
  happen('Job', 'mcp-web-install-0123abcd', { eventTime: '2026-11-25T00:00:06.000000Z' });
  happen('Pod', 'mcp-web-install-0123abcd-xyz12');
  const lines = await fixture.servers.happenings('WEB');
  expect(said(lines)).toEqual([
    'MCPServer web: Reason: of MCPServer web',
    'ReplicaSet mcp-web-5d6f7c8b9d: Reason: of ReplicaSet mcp-web-5d6f7c8b9d (4 times)',
    'Pod mcp-web-5d6f7c8b9d-abcde: warning: Reason: of Pod mcp-web-5d6f7c8b9d-abcde',
    'Deployment mcp-web: Reason: of Deployment mcp-web (2 times)',
    'Job mcp-web-install-0123abcd: Reason: of Job mcp-web-install-0123abcd',
    'Pod mcp-web-install-0123abcd-xyz12: Reason: of Pod mcp-web-install-0123abcd-xyz12',
  ]);
  expect(lines[2]).toEqual({
    at: Date.UTC(2026, 10, 25, 0, 0, 3),
    pid: 0,
    text: expect.any(String),
    source: 'event',
    replica: 'mcp-web-5d6f7c8b9d-abcde',
  });
});

it('are not those of a server whose name begins alike', async () => {
  for (const [kind, name] of [
    ['MCPServer', 'web-two'],
    ['Deployment', 'mcp-web-abcde'],
    ['Deployment', 'web'],
    ['ReplicaSet', 'mcp-web-abcde-5d6f7c8b9d'],
    ['Pod', 'mcp-web-abcde-5d6f7c8b9d-abcde'],
    ['Pod', 'mcp-web'],
    ['Node', 'web'],
    ['Pod', 'otherXone-5d6f7c8b9d-abcde'],
  ] as const)
    happen(kind, name);
  happen('constructor', 'web');
  expect(await fixture.servers.happenings('web')).toEqual([]);
  expect(await fixture.servers.happenings('other.one')).toEqual([]);
  await expect(fixture.servers.happenings('nobody')).rejects.toMatchObject({ code: 'not-found' });
});

it('are those of a Deployment that Berth did not make, by its own name', async () => {
  happen('Pod', 'other.one-5d6f7c8b9d-abcde');
  expect(await fixture.servers.happenings('other.one')).toHaveLength(1);
});

it('are told as they come, once more when they are repeated, and no older ones', async () => {
  happen('MCPServer', 'web', { note: 'before' });
  const lines: LogLine[] = [];
  const leave = fixture.servers.followHappenings('web', (line) => lines.push(line));
  await until('the watch', () =>
    fixture.cluster.reads.some(({ path, query }) => path.endsWith('/events') && query.has('watch')),
  );
  happen('MCPServer', 'web', { note: 'after' });
  happen('MCPServer', 'elsewhere', { note: 'not wanted' });
  await until('a line', () => lines.length === 1);
  const name = `event-${count - 1}`;
  fixture.cluster.put('events', { ...fixture.cluster.get('events', name), ...{ series: { count: 2 } } });
  await until('it again', () => lines.length === 2);
  expect(said(lines)).toEqual(['MCPServer web: Reason: after', 'MCPServer web: Reason: after (2 times)']);
  leave();
});
