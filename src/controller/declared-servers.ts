/**
 * Servers that the chart's values name. A chart cannot hold a resource of a kind that it brings, so the values become a ConfigMap,
 * and the resources are made and removed from here.
 */
import { parse } from 'yaml';
import type { McpServer, McpServerSpec } from '../cluster/mcp-server.ts';
import { CONFIG_MAPS, type KubeObject, MCP_SERVERS, type ObjectName, typed } from '../cluster/resources.ts';
import { toServerSpec } from '../cluster/server-convert.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';
import { ownedBy } from './owned-by.ts';

/** On servers that come from values; those are removed when the values no longer name them, and no others. */
export const DECLARED_LABEL = 'berth.dev/declared-by';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Under which the servers stand in the ConfigMap: YAML, by name. */
const DECLARED_KEY = 'servers.yaml';

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
  const wanted = readDeclared(found);
  for (const [name, spec] of Object.entries(wanted)) await declare(name, spec, { ...input, owner: found });
  for (const { metadata } of servers) {
    const { name = '', namespace, labels } = metadata;
    if (labels?.[DECLARED_LABEL] === release && !(name in wanted))
      await api.remove(MCP_SERVERS, { namespace, name });
  }
}

async function declare(
  name: string,
  given: unknown,
  input: DeclaredInput & { readonly owner: ConfigMap },
): Promise<void> {
  const { api, release, namespace, servers, owner, onFault } = input;
  try {
    const spec = given as McpServerSpec;
    toServerSpec(name, spec);
    const existing = servers.find(({ metadata }) => metadata.name === name);
    if (existing && existing.metadata.labels?.[DECLARED_LABEL] !== release)
      throw new BerthError('conflict', `there is another server ${name}, which these values have not made`);
    const { replicas, ...rest } = spec;
    // What somebody has scaled it to stays: replicas are given once.
    const applied = existing
      ? { ...rest, ...keptReplicas(existing) }
      : { ...rest, ...(replicas !== undefined && { replicas }) };
    const labels = { [DECLARED_LABEL]: release };
    const metadata = { name, namespace, labels, ownerReferences: [ownedBy(CONFIG_MAPS, owner)] };
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

function readDeclared({ data }: ConfigMap): Readonly<Record<string, unknown>> {
  try {
    return (parse(data?.[DECLARED_KEY] ?? '') as { servers?: Record<string, unknown> } | null)?.servers ?? {};
  } catch (cause) {
    throw new BerthError('bad-setting', `${DECLARED_KEY} of the values' ConfigMap is no YAML`, { cause });
  }
}
