/** The custom resource in the cluster under test: the chart's where it is installed, else one that takes anything. */
import type { ApiClient } from '../../../src/cluster/api-client.ts';
import { type KubeObject, resource } from '../../../src/cluster/resources.ts';
import { eventually } from './cluster.ts';

const DEFINITIONS = resource(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
);
const NAME = 'mcpservers.berth.dev';

interface Definition extends KubeObject {
  readonly spec?: object;
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Resolves once MCPServers can be made; the answer takes away what this brought. */
export async function ensureMcpServers(client: ApiClient): Promise<() => Promise<void>> {
  const there = await client.get<Definition>(DEFINITIONS, { name: NAME });
  if (there) return async () => {};
  await client.create<Definition>(DEFINITIONS, { metadata: { name: NAME }, spec: definition() });
  await eventually('the custom resource', async () => {
    const found = await client.get<Definition>(DEFINITIONS, { name: NAME });
    return (
      found?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ===
      true
    );
  });
  return async () => {
    await client.remove(DEFINITIONS, { name: NAME });
  };
}

function definition(): object {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const properties = {
    spec: { ...open, properties: { replicas: { type: 'integer', default: 1 } } },
    status: open,
  };
  return {
    group: 'berth.dev',
    scope: 'Namespaced',
    names: { kind: 'MCPServer', plural: 'mcpservers', singular: 'mcpserver', shortNames: ['mcps'] },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties } },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
      },
    ],
  };
}
