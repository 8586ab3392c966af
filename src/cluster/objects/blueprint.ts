/**
 * What the children of one MCPServer are made from. Everything in this folder is a pure function of a blueprint and the
 * operator's settings: the same input gives the same object, byte by byte.
 */
import type { TreeSignatures } from '../../packages/package.ts';
import type { HealthLimits } from '../../servers/server-health.ts';
import type { Era, PinnedEra } from '../../supervisor/handshake-report.ts';
import type { RemoteTransport, WantedTransport } from '../../supervisor/remote-transport.ts';
import type { Isolation, ServerLimits } from '../../supervisor/server-definition.ts';
import type {
  ConfigMapEntry,
  EnvEntry,
  ImageEntry,
  Network,
  Persistence,
  Placement,
  Resources,
  SecretEntry,
  SecretKeyRef,
} from '../mcp-server.ts';

export interface Blueprint {
  readonly owner: Owner;
  readonly program: Program;
  readonly behavior: Behavior;
  readonly args: readonly string[];
  readonly env: readonly EnvEntry[];
  readonly secrets: readonly SecretEntry[];
  readonly configMaps: readonly ConfigMapEntry[];
  /** Variables whose value is a file of this name in the home of the process. */
  readonly homeFiles: Readonly<Record<string, string>>;
  readonly replicas: number;
  /** Seconds that a replica which is to go waits for its sessions to end. */
  readonly drainSeconds: number;
  readonly resources: Resources;
  readonly network: {
    readonly egress: NonNullable<Network['egress']>;
    readonly allow: NonNullable<Network['allow']>;
  };
  /** It needs other servers, which it reaches through the gateway. */
  readonly callsServers?: boolean;
  readonly placement: Placement;
  /** Its folder that stays. */
  readonly persistence?: Persistence;
  /** It is only tried, with these made-up values, which are to be in none of its words. */
  readonly inspection?: { readonly secrets: readonly string[] };
  /** What replicas of it have shown to speak, so that new ones serve before they are tried. */
  readonly knownEras?: readonly Era[];
  /** Changes when somebody asks for a restart. */
  readonly restartedAt?: string;
}

/** The MCPServer that everything belongs to. */
export interface Owner {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export interface Behavior {
  readonly isolation: Isolation;
  readonly sessions: 'minted' | 'none';
  readonly era?: PinnedEra;
  readonly limits: Partial<ServerLimits>;
  /** Of its checks; only what was given. */
  readonly health?: Partial<HealthLimits>;
}

/** What runs, and where it comes from. */
export type Program =
  | { readonly kind: 'package'; readonly tree: Tree }
  | { readonly kind: 'script'; readonly runtime: 'node' | 'python'; readonly code: string | SecretKeyRef }
  | { readonly kind: 'image'; readonly image: ImageEntry & { readonly entrypoint: readonly string[] } }
  | Sidecar
  | RemoteProgram;

/** An image that is reached by a URL, beside the supervisor. */
export interface Sidecar {
  readonly kind: 'sidecar';
  readonly image: ImageEntry;
  readonly transport: RemoteTransport;
  readonly port: number;
  readonly path: string;
  /** Answers 200 when the program is well; absent where nothing is known of it. */
  readonly healthPath?: string;
}

export interface RemoteProgram {
  readonly kind: 'remote';
  readonly url: string;
  readonly transport: WantedTransport;
  readonly headers: readonly (SecretEntry & { readonly scheme?: string })[];
}

/** An installed package as the installer reports it. */
export interface Tree {
  /** SHA-256 of the archive, hexadecimal. */
  readonly digest: string;
  readonly package: { readonly ecosystem: string; readonly name: string; readonly version: string };
  readonly launch: {
    readonly file: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
  };
  /** Whose signatures are on what it is made of; only of a package that is tried. */
  readonly signatures?: TreeSignatures;
}

/** What the operator has set for all pods. */
export interface PodSettings {
  readonly release: string;
  readonly releaseNamespace: string;
  readonly images: { readonly supervisor: string; readonly runner: string };
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly pullSecrets: readonly string[];
  readonly resources: {
    readonly supervisor: Resources;
    readonly workload: Resources;
    readonly installer: Resources;
  };
  /** Size limit of a tree, and of each folder that a server may write. */
  readonly treeSize: string;
  readonly scratchSize: string;
  readonly priorityClass?: string;
  readonly runtimeClass?: string;
  /** False: user namespaces; absent: what the node does by itself. */
  readonly hostUsers?: boolean;
  /** Variables that installers get: proxies, registries, certificates. */
  readonly installerEnv: readonly EnvEntry[];
  /** Where installers find package registries that are not on public addresses. */
  readonly registries: readonly { readonly cidr: string; readonly ports?: readonly number[] }[];
  /** Labels of the cluster's name service. */
  readonly dns: {
    readonly namespaceLabels: Readonly<Record<string, string>>;
    readonly podLabels: Readonly<Record<string, string>>;
  };
  /** What a server with egress `public` cannot reach. */
  readonly privateCidrs: readonly string[];
  /** Further certificate authorities, in the namespace of the servers. */
  readonly caBundle?: { readonly configMap: string; readonly key: string };
  /** Where remote servers may be although that is not public. */
  readonly remoteHosts: readonly string[];
  /** Supervisors listen here, too, for links over the network; absent, nothing listens. */
  readonly linkPort?: number;
  /** Seconds in which an installation must be done. */
  readonly installSeconds: number;
  /** Supervisors answer `/metrics` to those peers of a NetworkPolicy; all of the cluster where there are none. Without it nothing listens. */
  readonly metrics?: { readonly from: readonly object[] };
}

/** Port of a supervisor's metrics. */
export const METRICS_PORT = 9_090;

/**
 * Whether the supervisor of such a replica has metrics: where the server itself wants their port, it has none, and what is only tried
 * would leave a name of its own in every store of metrics.
 */
export function hasMetrics(
  { program, inspection }: Pick<Blueprint, 'program' | 'inspection'>,
  { metrics }: Pick<PodSettings, 'metrics'>,
): boolean {
  if (inspection) return false;
  return metrics !== undefined && !(program.kind === 'sidecar' && program.port === METRICS_PORT);
}

/** Port of the gateway's pods. */
export const GATEWAY_PORT = 8053;

/** Port of the trees service. */
export const TREES_PORT = 8080;

/** Where trees are put and fetched. */
export function treesUrl({
  release,
  releaseNamespace,
}: Pick<PodSettings, 'release' | 'releaseNamespace'>): string {
  return `http://${release}-trees.${releaseNamespace}:${TREES_PORT}`;
}
