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

/** Looks at one server that others change meanwhile. */
const MOST_ATTEMPTS = 5;

export interface DeclaredInput {
  readonly api: Pick<ClusterApi, 'get' | 'apply' | 'remove'>;
  readonly source: ObjectName;
  readonly release: string;
  readonly namespace: string;
  /** As they are now. */
  readonly servers: readonly McpServer[];
  /** `source`: the ConfigMap as it was read. */
  readonly onFault: (name: string, error: BerthError, source: KubeObject) => void;
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
    if (labels?.[DECLARED_LABEL] === release && !Object.hasOwn(wanted, name))
      await api.remove(MCP_SERVERS, { namespace, name });
  }
}

type Declaring = DeclaredInput & { readonly owner: ConfigMap };

async function declare(name: string, given: unknown, input: Declaring): Promise<void> {
  const { api, namespace, servers, owner, onFault } = input;
  try {
    const spec = given as McpServerSpec;
    toServerSpec(name, spec);
    let existing = servers.find(({ metadata }) => metadata.name === name);
    for (let attempt = 1; !(await isApplied(name, spec, { ...input, existing })); attempt++) {
      if (attempt === MOST_ATTEMPTS) throw changesAlways(name);
      existing = await api.get<McpServer>(MCP_SERVERS, { namespace, name });
    }
  } catch (thrown) {
    onFault(name, toBerthError(thrown), owner);
  }
}

/** False when it is no longer as it was seen: what somebody has made of it since must not be set back. */
async function isApplied(
  name: string,
  spec: McpServerSpec,
  { api, release, namespace, owner, existing }: Declaring & { readonly existing: McpServer | undefined },
): Promise<boolean> {
  if (existing && existing.metadata.labels?.[DECLARED_LABEL] !== release)
    throw new BerthError('conflict', `there is another server ${name}, which these values have not made`);
  const { replicas, ...rest } = spec;
  // What somebody has scaled it to stays: replicas are given once.
  const applied = existing
    ? { ...rest, ...keptReplicas(existing) }
    : { ...rest, ...(replicas !== undefined && { replicas }) };
  const { resourceVersion } = existing?.metadata ?? {};
  const metadata = {
    ...{ name, namespace, labels: { [DECLARED_LABEL]: release } },
    ownerReferences: [ownedBy(CONFIG_MAPS, owner)],
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  const object = typed(MCP_SERVERS, { metadata, spec: applied });
  try {
    await api.apply(MCP_SERVERS, object, { manager: `${MANAGER}-values`, force: true });
    return true;
  } catch (thrown) {
    if (toBerthError(thrown).code !== 'conflict') throw thrown;
    return false;
  }
}

function changesAlways(name: string): BerthError {
  return new BerthError('conflict', `${name} was changed whenever the values were to be applied to it`, {
    hint: 'It is tried again within a minute.',
  });
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
