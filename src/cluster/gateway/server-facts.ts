/** What is counted of an MCPServer: as its status says it, which the controller has from the replicas. */
import type { ServerFacts } from '../../servers/server-census.ts';
import type { McpServer } from '../mcp-server.ts';
import { stateOf } from './resource-state.ts';

export function factsOf(resource: McpServer): ServerFacts {
  const { dependencies } = resource.spec;
  const { protocolVersion, tools = [], capabilities, lastCheck } = resource.status ?? {};
  const at = Date.parse(lastCheck?.at ?? '');
  return {
    name: resource.metadata.name ?? '',
    state: stateOf(resource),
    // Before its first handshake nothing is known, and no number is claimed.
    ...(protocolVersion !== undefined && { tools: tools.length }),
    ...(capabilities && { capabilities: capabilities.length }),
    ...(dependencies && { dependencies: dependencies.length }),
    ...(lastCheck && !Number.isNaN(at) && { check: { passed: lastCheck.failures === 0, at } }),
  };
}
