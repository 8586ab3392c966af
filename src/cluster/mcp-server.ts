/** MCPServer, the custom resource that says what server is wanted and how it is: its shape in the API server. */
import type { ErrorCode } from '../errors.ts';
import type { Usage, UsageDay } from '../servers/usage.ts';
import type { Era, PinnedEra } from '../supervisor/handshake-report.ts';
import type { WantedTransport } from '../supervisor/remote-transport.ts';
import type { KubeObject, ObjectMeta } from './resources.ts';

export interface McpServer extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec: McpServerSpec;
  readonly status?: McpServerStatus;
}

/** The API's server specification with lists where Kubernetes wants them keyed by name; defaults are those of the schema. */
export interface McpServerSpec {
  readonly template?: string;
  readonly source?: McpServerSource;
  /** For people; it changes nothing. */
  readonly description?: string;
  readonly version?: string;
  readonly bin?: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvEntry[];
  readonly secrets?: readonly SecretEntry[];
  readonly configMaps?: readonly ConfigMapEntry[];
  /** What the server speaks. */
  readonly transport?: 'stdio' | 'http' | 'sse' | 'websocket';
  readonly port?: number;
  readonly isolation?: 'session' | 'principal' | 'shared' | 'call';
  readonly sessions?: 'minted' | 'none';
  readonly era?: PinnedEra | 'auto';
  readonly replicas?: number;
  /** Keeps `replicas`, and runs none. */
  readonly suspend?: boolean;
  readonly resources?: Resources;
  readonly network?: Network;
  readonly limits?: McpServerLimits;
  readonly health?: McpServerHealth;
  readonly placement?: Placement;
  readonly persistence?: Persistence;
  readonly dependencies?: readonly Dependency[];
}

/** Another server of the same namespace that has to be there before this one is started. */
export interface Dependency {
  readonly name: string;
  /** Range of its package, or of what it says of itself; any unless given. */
  readonly version?: string;
  /** That it must offer. */
  readonly tools?: readonly string[];
  /** Told, and not waited for. */
  readonly optional?: boolean;
}

/** A folder that outlives the pods. Without `existingClaim` a claim is made for the server. */
export interface Persistence {
  /** 1Gi unless given. */
  readonly size?: string;
  /** The cluster's default unless given; `-` for none. */
  readonly storageClass?: string;
  readonly accessMode?: 'ReadWriteOnce' | 'ReadWriteMany' | 'ReadOnlyMany';
  readonly existingClaim?: string;
  /** `/data` unless given. */
  readonly mountPath?: string;
  readonly subPath?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What becomes of the claim when the server, or this member of it, goes; `Retain` unless given. */
  readonly whenDeleted?: 'Retain' | 'Delete';
}

/** Exactly one member is there. */
export interface McpServerSource {
  readonly npm?: PackageName;
  readonly pypi?: PackageName;
  readonly image?: ImageEntry;
  readonly archon?: { readonly image?: string; readonly pullPolicy?: PullPolicy };
  readonly remote?: RemoteEntry;
  readonly script?: ScriptEntry;
}

export interface PackageName {
  readonly name: string;
  readonly version?: string;
}

export interface ImageEntry {
  readonly image: string;
  /** That of the release unless given. */
  readonly pullPolicy?: PullPolicy;
  readonly entrypoint?: readonly string[];
  readonly runAsUser?: number;
  readonly writablePaths?: readonly string[];
}

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export interface ScriptEntry {
  readonly runtime: 'node' | 'python';
  readonly code?: string;
  readonly configMapRef?: SecretKeyRef;
}

export interface RemoteEntry {
  readonly url: string;
  readonly transport?: WantedTransport;
  readonly headers?: readonly (SecretEntry & { readonly scheme?: string })[];
}

export interface EnvEntry {
  readonly name: string;
  readonly value: string;
}

export interface SecretEntry {
  readonly name: string;
  readonly secretKeyRef: SecretKeyRef;
}

export interface ConfigMapEntry {
  readonly name: string;
  readonly configMapKeyRef: SecretKeyRef;
}

/** One value of a Secret or a ConfigMap in the same namespace. */
export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}

type Quantities = Readonly<Partial<Record<'cpu' | 'memory' | 'ephemeral-storage', string>>>;

export interface Resources {
  readonly requests?: Quantities;
  readonly limits?: Quantities;
}

export interface Network {
  readonly egress?: 'none' | 'public' | 'allow';
  readonly allow?: readonly { readonly cidr: string; readonly ports?: readonly number[] }[];
}

export interface Placement {
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly affinity?: Readonly<Record<string, unknown>>;
}

export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  readonly tolerationSeconds?: number;
}

/** Durations are milliseconds, as in the API. */
export interface McpServerLimits {
  readonly idle?: number;
  readonly sessions?: number;
  readonly sessionsPerPrincipal?: number;
  readonly spares?: number;
  readonly requestTimeout?: number;
  readonly startTimeout?: number;
  readonly lineBytes?: number;
  readonly subscriptions?: number;
  readonly eofGrace?: number;
  readonly termGrace?: number;
  readonly drain?: number;
  /** Without use, after which replicas are taken away until the next request; 0 for never. */
  readonly sleep?: number;
}

/** Of its checks; durations likewise. */
export interface McpServerHealth {
  readonly interval?: number;
  readonly failures?: number;
  readonly timeout?: number;
}

export type McpServerState =
  | 'stopped'
  | 'pending'
  | 'starting'
  | 'running'
  | 'scaling'
  | 'degraded'
  | 'failed'
  | 'unknown';

/** Written by the controller's leader and by nobody else. */
export interface McpServerStatus {
  readonly state: McpServerState;
  /** One word for the state. */
  readonly reason: string;
  readonly message: string;
  readonly hint?: string;
  /** Where a start is, or where it failed. */
  readonly phase?: string;
  readonly observedGeneration: number;
  /** Ready and wanted replicas such as `2/2`. */
  readonly ready: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly updatedReplicas: number;
  /** Label selector of its pods, for the scale subresource. */
  readonly selector: string;
  readonly sessions?: number;
  /** Processes or connections of all replicas, spares included. */
  readonly processes?: number;
  /** What one replica takes at one time: sessions, and processes for clients where they do not all share what is started. */
  readonly capacity?: { readonly sessions: number; readonly processes?: number };
  /** More of what {@link message}, {@link hint} and {@link phase} say is wrong. */
  readonly failure?: StatusFailure;
  /** The newest health check; of several replicas the one that fares worst. */
  readonly lastCheck?: {
    /** RFC 3339 text. */
    readonly at: string;
    /** Milliseconds. */
    readonly ms: number;
    readonly failures: number;
  };
  readonly eras?: readonly Era[];
  readonly era?: Era;
  readonly protocolVersion?: string;
  readonly serverInfo?: { readonly name: string; readonly version: string };
  readonly tools?: readonly string[];
  /** Names of what it offered in its newest handshake. */
  readonly capabilities?: readonly string[];
  readonly package?: { readonly ecosystem: string; readonly name: string; readonly version: string };
  readonly tree?: { readonly digest: string };
  /** The claim of its folder; its phase is that of Kubernetes, its capacity what was given. */
  readonly volume?: { readonly claim: string; readonly phase: string; readonly capacity?: string };
  /** What it needs of others. */
  readonly dependencies?: readonly {
    readonly name: string;
    readonly met: boolean;
    readonly message?: string;
  }[];
  readonly endpoints?: readonly {
    readonly transport: 'streamable-http' | 'sse' | 'websocket';
    readonly url: string;
  }[];
  readonly usage?: StatusUsage;
  readonly conditions: readonly Condition[];
  /** RFC 3339 texts. */
  readonly lastActivity?: string;
  readonly createdAt?: string;
  readonly startedAt?: string;
}

export interface StatusUsage {
  /** UTC, newest first; days without use are left out. */
  readonly days: readonly UsageDay[];
  /** What of each replica is in the days already: `run` names one life of its supervisor. */
  readonly replicas: readonly (Usage & { readonly pod: string; readonly run: string })[];
}

/** How a process of the server ended, or what its other side said. */
export interface StatusFailure {
  readonly code: ErrorCode;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Its last lines, scrubbed. */
  readonly stderr?: readonly string[];
}

export type ConditionType = 'Ready' | 'Progressing' | 'Installed' | 'Dependencies' | 'Degraded';

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One CamelCase word. */
  readonly reason: string;
  /** With the hint, where there is one. */
  readonly message: string;
  /** RFC 3339 text. */
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}
