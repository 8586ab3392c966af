/** What a gateway in a cluster exposes of its servers: what their replicas said, as it stands in their status. */
import { expect, it } from 'vitest';
import { factsOf } from '../../../src/cluster/gateway/server-facts.ts';
import type { McpServer, McpServerStatus } from '../../../src/cluster/mcp-server.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createServerSource } from '../../../src/metrics/server-metrics.ts';
import { readExposition, seriesValue } from '../../support/exposition.ts';

const STATUS: McpServerStatus = {
  ...{ state: 'running', reason: 'Ready', message: '', observedGeneration: 1, ready: '1/1', conditions: [] },
  ...{ replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1, selector: '' },
};

function server(status?: Partial<McpServerStatus>): McpServer {
  return {
    metadata: { name: 'search', generation: 1 },
    spec: { template: 'search' },
    ...(status && { status: { ...STATUS, ...status } }),
  };
}

it('tells tools, capabilities and the newest check once replicas have said them', () => {
  const said = {
    protocolVersion: '2025-11-25',
    tools: ['find', 'fetch'],
    capabilities: ['tools', 'logging', 'prompts'],
    lastCheck: { at: '2026-11-25T12:00:00Z', ms: 4, failures: 1 },
  };
  const at = Date.parse(said.lastCheck.at);
  expect(factsOf(server(said))).toEqual({
    ...{ name: 'search', state: 'running', tools: 2, capabilities: 3 },
    check: { passed: false, at },
  });
  const { body } = createMetrics({ sources: [createServerSource(() => [factsOf(server(said))])] }).expose('');
  const read = readExposition(body, 'prometheus');
  const of = (name: string, more: object = {}) => seriesValue(read, name, { server: 'search', ...more });
  expect([of('mcp_tools_total'), of('mcp_capabilities_total')]).toEqual([2, 3]);
  expect(of('berth_health_check_timestamp_seconds', { result: 'failed' })).toBe(at / 1_000);
});

it('tells how many others a server needs, where it says so', () => {
  const needs = (given: McpServer['spec']['dependencies']): unknown => {
    const found = server();
    const facts = factsOf({ ...found, spec: { ...found.spec, ...(given && { dependencies: given }) } });
    const { body } = createMetrics({ sources: [createServerSource(() => [facts])] }).expose('');
    return seriesValue(readExposition(body, 'prometheus'), 'mcp_dependencies_total', { server: 'search' });
  };
  expect([needs([{ name: 'a' }, { name: 'b', optional: true }]), needs(undefined)]).toEqual([2, undefined]);
});

it('claims no number of what nobody has said', () => {
  expect(factsOf(server())).toEqual({ name: 'search', state: 'pending' });
  expect(factsOf(server({ state: 'starting' }))).toEqual({ name: 'search', state: 'starting' });
  // Of a supervisor of before, which does not tell its capabilities, and of a server without tools.
  expect(factsOf(server({ protocolVersion: '2025-11-25' }))).toEqual({
    ...{ name: 'search', state: 'running', tools: 0 },
  });
});
