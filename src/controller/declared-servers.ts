/**
 * Servers that the chart's values name. A chart cannot hold a resource of a kind that it brings, so the values become a ConfigMap,
 * and the resources are made and removed from here.
 */
import type { McpServer, McpServerSpec } from '../cluster/mcp-server.ts';
import { CONFIG_MAPS, type KubeObject, MCP_SERVERS, type ObjectName, typed } from '../cluster/resources.ts';
import { toServerSpec } from '../cluster/server-convert.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';

/** On servers that come from values; those are removed when the values no longer name them, and no others. */
export const DECLARED_LABEL = 'berth.dev/declared-by';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface DeclaredInput {
  readonly api: Pick<ClusterApi, 'get' | 'apply' | 'remove'>;
  readonly source: ObjectName;
  readonly release: string;
  readonly namespace: string;
  /** As they are now. */
  readonly servers: readonly McpServer[];
  readonly onFault: (name: string, error: BerthError) => void;
}

/** One bad entry does not stop the others, and is not taken for one that is gone. Without the ConfigMap nothing is done. */
export async function keepDeclared(input: DeclaredInput): Promise<void> {
  const { api, source, release, servers } = input;
  const found = await api.get<ConfigMap>(CONFIG_MAPS, source);
  if (!found) return;
  const wanted = found.data ?? {};
  for (const [name, text] of Object.entries(wanted)) await declare(name, text, input);
  for (const { metadata } of servers) {
    const { name = '', namespace, labels } = metadata;
    if (labels?.[DECLARED_LABEL] === release && !(name in wanted))
      await api.remove(MCP_SERVERS, { namespace, name });
  }
}

async function declare(
  name: string,
  text: string,
  { api, release, namespace, servers, onFault }: DeclaredInput,
): Promise<void> {
  try {
    const spec = readSpec(name, text);
    const existing = servers.find(({ metadata }) => metadata.name === name);
    if (existing && existing.metadata.labels?.[DECLARED_LABEL] !== release)
      throw new BerthError('conflict', `there is another server ${name}, which these values have not made`);
    const { replicas, ...rest } = spec;
    // What somebody has scaled it to stays: replicas are given once.
    const applied = existing
      ? { ...rest, ...keptReplicas(existing) }
      : { ...rest, ...(replicas !== undefined && { replicas }) };
    const metadata = { name, namespace, labels: { [DECLARED_LABEL]: release } };
    await api.apply(MCP_SERVERS, typed(MCP_SERVERS, { metadata, spec: applied }), {
      manager: `${MANAGER}-values`,
      force: true,
    });
  } catch (thrown) {
    onFault(name, toBerthError(thrown));
  }
}

/** Left out, a field that was applied before would be taken away. */
function keptReplicas({ spec }: McpServer): Pick<McpServerSpec, 'replicas'> {
  return spec.replicas === undefined ? {} : { replicas: spec.replicas };
}

function readSpec(name: string, text: string): McpServerSpec {
  let spec: McpServerSpec;
  try {
    spec = JSON.parse(text) as McpServerSpec;
  } catch (cause) {
    throw new BerthError('bad-setting', `the values of server ${name} are no JSON`, { cause });
  }
  toServerSpec(name, spec);
  return spec;
}
