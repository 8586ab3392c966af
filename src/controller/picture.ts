/** The controller's picture of the cluster: servers and what was made for them, listed and watched. */
import type { ApiClient } from '../cluster/api-client.ts';
import type { McpServer } from '../cluster/mcp-server.ts';
import type { Claim } from '../cluster/objects/claim.ts';
import type { Deployment } from '../cluster/objects/deployment.ts';
import type { Job } from '../cluster/objects/installer-job.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import { createReflector, type Reflector } from '../cluster/reflector.ts';
import {
  CLAIMS,
  DEPLOYMENTS,
  JOBS,
  type KubeObject,
  MCP_SERVERS,
  PODS,
  type Resource,
} from '../cluster/resources.ts';
import type { BerthError } from '../errors.ts';
import type { ClusterPicture } from './controller.ts';

export interface WatchedPicture extends ClusterPicture {
  /** Resolves when everything has been listed once; rejects when it is closed before. */
  readonly synced: Promise<void>;
  /** What has not been listed yet, as `kubectl` names it. */
  readonly unlisted: readonly string[];
  close(): Promise<void>;
}

export interface PictureOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly namespace: string;
  readonly onChange: (object: KubeObject) => void;
  /** Before that, of a pod that is no longer in the picture. */
  readonly onPodGone?: () => void;
  readonly onFault: (error: BerthError) => void;
}

const MADE_BY_US = 'app.kubernetes.io/managed-by=berth';

export function watchPicture(options: PictureOptions): WatchedPicture {
  const { namespace } = options;
  const servers = watch<McpServer>(options, MCP_SERVERS);
  const deployments = watch<Deployment>(options, DEPLOYMENTS, { labelSelector: MADE_BY_US });
  const jobs = watch<Job>(options, JOBS, { labelSelector: MADE_BY_US });
  const podGone = (pod: KubeObject): void => {
    options.onPodGone?.();
    options.onChange(pod);
  };
  const pods = watch<Pod>(options, PODS, { labelSelector: MADE_BY_US, deleted: podGone });
  const claims = watch<Claim>(options, CLAIMS, { labelSelector: MADE_BY_US });
  const all = [servers, deployments, jobs, pods, claims];
  const unlisted = new Set<string>();
  for (const [index, { plural }] of [MCP_SERVERS, DEPLOYMENTS, JOBS, PODS, CLAIMS].entries()) {
    unlisted.add(plural);
    all[index]?.synced.then(
      () => unlisted.delete(plural),
      () => {},
    );
  }
  return {
    synced: Promise.all(all.map(({ synced }) => synced)).then(() => undefined),
    get unlisted() {
      return [...unlisted];
    },
    server: (name) => servers.get({ namespace, name }),
    get servers() {
      return servers.items;
    },
    get deployments() {
      return deployments.items;
    },
    get jobs() {
      return jobs.items;
    },
    get pods() {
      return pods.items;
    },
    get claims() {
      return claims.items;
    },
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

interface Watched {
  readonly labelSelector?: string;
  readonly deleted?: PictureOptions['onChange'];
}

function watch<T extends KubeObject>(
  { client, namespace, onChange, onFault }: PictureOptions,
  resource: Resource,
  { labelSelector, deleted = onChange }: Watched = {},
): Reflector<T> {
  const handler = { added: onChange, modified: onChange, deleted };
  const selection = { namespace, ...(labelSelector !== undefined && { labelSelector }) };
  return createReflector<T>({ client, resource, selection, handler, onFault });
}
