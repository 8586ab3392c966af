/** What the API takes and answers. Generated from the OpenAPI document; to renew it: `npm test -- test/client -u`. */

export type CallLine = { type: "progress"; progress: number; total?: number; message?: string } | { type: "log"; level?: string; logger?: string; data?: unknown } | { type: "answer"; status: "complete"; result: Record<string, unknown> } | { type: "answer"; status: "input_required"; inputRequests: Record<string, unknown>; requestState?: string } | { type: "failed"; problem: Problem };
export type CallOutcome = { status: "complete"; result: Record<string, unknown> } | { status: "input_required"; inputRequests: Record<string, unknown>; requestState?: string };
export type Failure = {
  code: "bad-input" | "bad-setting" | "parse-error" | "invalid-request" | "unsupported-version" | "unknown-version" | "header-mismatch" | "missing-capability" | "unknown-method" | "invalid-params" | "missing-session" | "unknown-session" | "unknown-stream" | "unauthorized" | "forbidden" | "wrong-host" | "not-found" | "method-not-allowed" | "not-acceptable" | "conflict" | "in-progress" | "position-expired" | "precondition-failed" | "too-large" | "unsupported-media-type" | "limit-reached" | "not-allowed" | "missing-input" | "key-reused" | "internal" | "cluster-refused" | "resolve-failed" | "registry-failed" | "install-failed" | "start-failed" | "process-exited" | "request-timeout" | "call-refused" | "call-failed" | "input-required" | "message-too-large" | "busy" | "resting" | "unreachable" | "remote-failed" | "stopped";
  message: string;
  hint?: string;
  phase?: "resolve" | "install" | "spawn" | "handshake" | "run";
  exitCode?: number | null;
  signal?: string | null;
  reason?: string;
  stderr?: string[];
  /** What is at fault: a JSON pointer into the body, or a query parameter behind “?”. */ fields?: { pointer: string; detail: string }[];
  data?: Record<string, unknown>;
};
export type Group = {
  name: string;
  title?: string;
  instructions?: string;
  servers: { server: string; prefix: string; tools?: string[]; state: string }[];
  url: string;
  createdAt: string;
  updatedAt: string;
};
export type GroupSpec = {
  name: string;
  title?: string;
  instructions?: string;
  servers: (string | { server: string; prefix?: string; tools?: string[] })[];
};
export type HealthCheck = {
  at: string;
  /** Milliseconds. */ ms: number;
  health: "healthy" | "unhealthy";
  /** Failed checks in a row, this one included. */ failures: number;
  failure?: Failure;
};
export type Inspection = {
  report: InspectionReport;
  pinned?: { slug: string; server: Record<string, unknown> };
};
export type InspectionLine = { type: "progress"; phase: string; text: string } | { type: "inspection"; report: InspectionReport; pinned?: { slug: string; server: Record<string, unknown> } } | { type: "failed"; problem: Problem };
export type InspectionReport = {
  v: 1;
  inspectedAt: string;
  platform: string;
  result: "passed" | "failed";
  template?: string;
  package: { ecosystem: "npm" | "pypi"; name: string; version: string; integrity: string };
  engine: { needs: Record<string, string> | "unknown"; used: string };
  provenance: "known" | "unknown";
  signatures: { total: number; verified: number; forged: string[] } | "unknown";
  sandbox: { kind: "bubblewrap" | "pod" | "none"; network: "none" | "machine" | "public"; enforced?: "yes" | "no" | "unknown" };
  server?: { name: string; version: string; protocolVersion: string; eras: ("legacy" | "modern")[]; capabilities: Record<string, unknown> };
  tools: Record<string, unknown>[] | "unknown";
  prompts: Record<string, unknown>[] | "unknown";
  resources: Record<string, unknown>[] | "unknown";
  resourceTemplates: Record<string, unknown>[] | "unknown";
  phases: { phase: "resolve" | "install" | "sandbox" | "start" | "list"; ms: number }[];
  peakMemoryBytes: number | "unknown";
  filesWritten: { files: { path: string; bytes: number }[]; total: number; elsewhere: "none" | "unknown" } | "unknown";
  filesRead: "unknown";
  hosts: string[] | "unknown";
  addresses: "unknown";
  inputs: string[];
  stderr: string[];
  failure?: Record<string, unknown>;
};
export type InspectionRequest = {
  template?: unknown;
  source?: unknown;
  version?: unknown;
  bin?: unknown;
  args?: string[];
  env?: Record<string, string>;
  secrets?: string[];
  slug?: string;
  network?: boolean;
  unsafe?: boolean;
};
export type Installation = {
  status: "ok" | "degraded" | "unavailable";
  version: string;
  runtime: "local" | "kubernetes";
  namespace?: string;
  startedAt: string;
  ageSeconds: number;
  components: { name: string; state: "ok" | "failing"; message?: string; ageSeconds: number }[];
  servers?: { total: number; healthy: number; states: Record<string, number>; sessions: number };
};
export type LogEntry = {
  /** Its place, for `Last-Event-ID`. */ id: string;
  /** Milliseconds since 1970. */ at: number;
  level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
  message: string;
  server?: string;
  requestId?: string;
  details?: Record<string, unknown>;
};
export type LogItem = LogEntry | WatchFailure;
export type LogLine = {
  /** Milliseconds since 1970. */ at: number;
  /** 0 where no process has written it. */ pid: number;
  text: string;
  replica?: string;
  container?: string;
  /** Absent on what the server wrote itself: `gateway` is its log, `event` an Event of the cluster. */ source?: "gateway" | "event";
  /** Of the gateway’s log. */ level?: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
};
/** Never a token. */
export type Login = {
  issuer: string;
  scope?: string;
  expiresAt?: string;
  renewable: boolean;
};
export type LoginCallback = {
  callback: string;
};
export type LoginRequest = {
  redirectUri: string;
  clientId?: string;
  clientSecret?: string;
  scope?: string;
};
export type Merge = {
  slug: string;
  server?: Record<string, unknown>;
};
export type Package = {
  ecosystem: "npm" | "pypi";
  name: string;
  version: string;
  tags: Record<string, string>;
  description: string;
  keywords: string[];
  license?: string;
  author?: string;
  maintainers: string[];
  homepage?: string;
  repository?: string;
  versions: { version: string; published?: string; deprecated?: string; yanked?: string; prerelease: boolean; engines: Record<string, string> }[];
  dependencies?: Record<string, string>;
  engines: Record<string, string>;
  programs?: string[];
  installScripts?: boolean;
  deprecated: { state: "yes" | "no" | "unknown"; message?: string };
  yanked: { state: "yes" | "no" | "unknown"; reason?: string };
  provenance: "yes" | "unknown";
  downloads: { lastMonth: number | "unknown"; days?: { day: string; downloads: number }[] };
  mcp: { verdict: "yes" | "likely" | "unknown"; reasons: string[] };
  owner: { state: "verified" | "claimed" | "mismatch" | "unknown"; mcpName?: string; listedAs?: string; listedBy?: string };
  template?: string;
  replacedBy?: string;
  similarNames: { name: string; ecosystem: "npm" | "pypi"; template: string; why: string }[];
  install: string;
  run: string;
  unpackedBytes?: number;
  integrity?: string;
  published?: string;
  registry: { name: string; capabilities: Record<string, boolean | "unknown"> };
  ageSeconds: number;
  stale?: string;
};
/** RFC 9457. Further members say more of some failures. */
export type Problem = {
  /** `urn:berth:error:<code>` */ type: string;
  title: string;
  status: number;
  detail: string;
  code: "bad-input" | "bad-setting" | "parse-error" | "invalid-request" | "unsupported-version" | "unknown-version" | "header-mismatch" | "missing-capability" | "unknown-method" | "invalid-params" | "missing-session" | "unknown-session" | "unknown-stream" | "unauthorized" | "forbidden" | "wrong-host" | "not-found" | "method-not-allowed" | "not-acceptable" | "conflict" | "in-progress" | "position-expired" | "precondition-failed" | "too-large" | "unsupported-media-type" | "limit-reached" | "not-allowed" | "missing-input" | "key-reused" | "internal" | "cluster-refused" | "resolve-failed" | "registry-failed" | "install-failed" | "start-failed" | "process-exited" | "request-timeout" | "call-refused" | "call-failed" | "input-required" | "message-too-large" | "busy" | "resting" | "unreachable" | "remote-failed" | "stopped";
  /** What to do about it. */ hint: string;
  requestId: string;
  phase?: "resolve" | "install" | "spawn" | "handshake" | "run";
  exitCode?: number | null;
  signal?: string | null;
  reason?: string;
  stderr?: string[];
  /** What is at fault: a JSON pointer into the body, or a query parameter behind “?”. */ errors?: { pointer: string; detail: string }[];
} & Record<string, unknown>;
export type PromptCall = {
  prompt: string;
  arguments?: Record<string, string>;
  inputResponses?: Record<string, unknown>;
  requestState?: string;
};
export type Reading = {
  uri: string;
  inputResponses?: Record<string, unknown>;
  requestState?: string;
};
/** As the MCP registry defines it. */
export type RegistryEntry = {
  server: Record<string, unknown>;
  _meta: Record<string, unknown>;
};
export type RegistryError = {
  error: string;
};
export type RegistryList = {
  servers: RegistryEntry[];
  metadata: { count: number; nextCursor?: string };
};
export type Scale = {
  replicas: number;
};
export type SearchResult = {
  kind: "template" | "package" | "remote";
  /** What `berth run` takes. */ reference: string;
  title: string;
  description: string;
  package?: { ecosystem: "npm" | "pypi"; name: string; version?: string };
  template?: string;
  replacedBy?: string;
  registryName?: string;
  remote?: { url: string; type: string };
  mcp: { verdict: "yes" | "likely" | "unknown"; reasons: string[] };
  keywords?: string[];
  maintainers?: string[];
  category?: string;
  downloads?: number;
  updated?: string;
  deprecated?: string;
  relevance?: number;
  providers: string[];
};
export type Secret = {
  value: string;
};
export type Server = {
  name: string;
  id: string;
  /** Changes with everything that is wanted of the server. */ revision: string;
  labels: Record<string, string>;
  /** Absent where Berth did not make the server. */ spec?: { name?: string; template?: string; description?: string; source?: { npm?: { name: string; version?: string }; pypi?: { name: string; version?: string }; remote?: { url: string; transport?: "streamable-http" | "sse" | "websocket" | "auto"; headers?: Record<string, string | { fromEnv: string; scheme?: string } | { fromFile: string; scheme?: string } | { fromStore: string; scheme?: string } | { fromSecret: { name: string; key: string }; scheme?: string }> }; image?: { image: string; pullPolicy?: "Always" | "IfNotPresent" | "Never"; entrypoint?: string[]; runAsUser?: number; writablePaths?: string[] }; archon?: { image?: string; pullPolicy?: "Always" | "IfNotPresent" | "Never" }; script?: { runtime: "node" | "python"; code?: string; configMapRef?: { name: string; key: string } } }; version?: string; bin?: string; args?: string[]; env?: Record<string, string>; secrets?: Record<string, string | { fromEnv: string } | { fromFile: string } | { fromStore: string } | { fromSecret: { name: string; key: string } }>; configMaps?: Record<string, { name: string; key: string }>; isolation?: "session" | "principal" | "shared" | "call"; sessions?: "minted" | "none"; era?: "legacy" | "modern" | "both" | "auto"; limits?: { idle?: number; sessions?: number; sessionsPerPrincipal?: number; spares?: number; requestTimeout?: number; startTimeout?: number; lineBytes?: number; subscriptions?: number; eofGrace?: number; termGrace?: number; drain?: number; sleep?: 0 | number }; health?: { interval?: 0 | number; failures?: number; timeout?: number }; labels?: Record<string, string>; transport?: "stdio" | "http" | "sse" | "websocket"; port?: number; replicas?: number; suspend?: boolean; resources?: { requests?: { cpu?: string; memory?: string; 'ephemeral-storage'?: string }; limits?: { cpu?: string; memory?: string; 'ephemeral-storage'?: string } }; network?: { egress?: "none" | "public" | "allow"; allow?: { cidr: string | string; ports?: number[] }[] }; placement?: { nodeSelector?: Record<string, string>; tolerations?: { key?: string; operator?: "Exists" | "Equal"; value?: string; effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute"; tolerationSeconds?: number }[]; affinity?: Record<string, unknown> }; persistence?: { size?: string; storageClass?: string; accessMode?: "ReadWriteOnce" | "ReadWriteMany" | "ReadOnlyMany"; existingClaim?: string; mountPath?: string; subPath?: string; annotations?: Record<string, string>; whenDeleted?: "Retain" | "Delete" }; dependencies?: { name: string; version?: string; tools?: string[]; optional?: boolean }[] };
  managed?: false;
  status: ServerStatus;
};
/** The server as it is now; a removed one as it was. */
export type ServerEvent = {
  id: string;
  type: "added" | "changed" | "removed";
  at: string;
  server: Server;
};
export type ServerSpec = {
  name?: string;
  template?: string;
  description?: string;
  source?: { npm?: { name: string; version?: string }; pypi?: { name: string; version?: string }; remote?: { url: string; transport?: "streamable-http" | "sse" | "websocket" | "auto"; headers?: Record<string, string | { fromEnv: string; scheme?: string } | { fromFile: string; scheme?: string } | { fromStore: string; scheme?: string } | { fromSecret: { name: string; key: string }; scheme?: string }> }; image?: { image: string; pullPolicy?: "Always" | "IfNotPresent" | "Never"; entrypoint?: string[]; runAsUser?: number; writablePaths?: string[] }; archon?: { image?: string; pullPolicy?: "Always" | "IfNotPresent" | "Never" }; script?: { runtime: "node" | "python"; code?: string; configMapRef?: { name: string; key: string } } };
  version?: string;
  bin?: string;
  args?: string[];
  env?: Record<string, string>;
  secrets?: Record<string, string | { fromEnv: string } | { fromFile: string } | { fromStore: string } | { fromSecret: { name: string; key: string } }>;
  configMaps?: Record<string, { name: string; key: string }>;
  isolation?: "session" | "principal" | "shared" | "call";
  sessions?: "minted" | "none";
  era?: "legacy" | "modern" | "both" | "auto";
  limits?: { idle?: number; sessions?: number; sessionsPerPrincipal?: number; spares?: number; requestTimeout?: number; startTimeout?: number; lineBytes?: number; subscriptions?: number; eofGrace?: number; termGrace?: number; drain?: number; sleep?: 0 | number };
  health?: { interval?: 0 | number; failures?: number; timeout?: number };
  labels?: Record<string, string>;
  transport?: "stdio" | "http" | "sse" | "websocket";
  port?: number;
  replicas?: number;
  suspend?: boolean;
  resources?: { requests?: { cpu?: string; memory?: string; 'ephemeral-storage'?: string }; limits?: { cpu?: string; memory?: string; 'ephemeral-storage'?: string } };
  network?: { egress?: "none" | "public" | "allow"; allow?: { cidr: string | string; ports?: number[] }[] };
  placement?: { nodeSelector?: Record<string, string>; tolerations?: { key?: string; operator?: "Exists" | "Equal"; value?: string; effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute"; tolerationSeconds?: number }[]; affinity?: Record<string, unknown> };
  persistence?: { size?: string; storageClass?: string; accessMode?: "ReadWriteOnce" | "ReadWriteMany" | "ReadOnlyMany"; existingClaim?: string; mountPath?: string; subPath?: string; annotations?: Record<string, string>; whenDeleted?: "Retain" | "Delete" };
  dependencies?: { name: string; version?: string; tools?: string[]; optional?: boolean }[];
};
export type ServerStatus = {
  state: "stopped" | "pending" | "starting" | "running" | "scaling" | "degraded" | "failed" | "unknown";
  /** One word for the state. */ reason: string;
  message: string;
  hint?: string;
  failure?: Failure;
  replicas: { desired: number; ready: number; available?: number; updated?: number };
  health: "healthy" | "unhealthy" | "unknown";
  lastCheck?: { at: string; ms: number; failures: number };
  sessions: number;
  processes: number;
  capacity?: { sessions: number; processes?: number };
  /** On one machine: what each process of the server may have. */ resources?: { limits: { memory?: string; cpu?: string }; outOfMemory?: { count: number; lastAt: string } };
  eras?: ("legacy" | "modern")[];
  era?: "legacy" | "modern";
  protocolVersion?: string;
  serverInfo?: { name: string; version: string } & Record<string, unknown>;
  tools?: string[];
  capabilities?: string[];
  dependencies?: { name: string; met: boolean; message?: string }[];
  package?: { ecosystem: string; name: string; version: string };
  remote?: { url: string; transport: "streamable-http" | "sse" | "websocket" | "auto" };
  phases: { phase: string; ms: number }[];
  endpoints: { transport: "streamable-http" | "sse" | "websocket" | "unknown"; url: string }[];
  conditions?: { type: string; status: string; reason: string; message: string; lastUpdate?: string }[];
  createdAt: string;
  startedAt?: string;
  stoppedAt?: string;
  lastActivity?: string;
};
export type Session = {
  id: string;
  kind: "session" | "pool" | "modern" | "process";
  state: "opening" | "busy" | "idle" | "unused";
  transport?: string;
  era?: "legacy" | "modern";
  principal?: string;
  protocolVersion?: string;
  createdAt: string;
  lastActivity: string;
  callsInFlight: number;
  queuedBytes: number;
  bufferedBytes: number;
  heldBytes: number;
  lostNotifications: number;
  processes: { pid: number; queuedBytes: number; messagesIn: number; messagesOut: number; noiseLines: number }[];
};
export type StartEvent = { type: "phase"; phase: "resolve" | "install" | "spawn" | "handshake" | "run"; state: "started"; at: number } | { type: "phase"; phase: "resolve" | "install" | "spawn" | "handshake" | "run"; state: "done"; ms: number; text?: string; at: number } | { type: "progress"; phase: "resolve" | "install" | "spawn" | "handshake" | "run"; text: string; at: number } | { type: "running"; at: number } | { type: "failed"; failure: Failure; at: number } | { type: "stopped"; at: number };
export type SyncLine = { type: "page"; pages: number; servers: number } | { type: "waiting"; seconds: number; why: string } | { type: "done"; kind: "full" | "changes"; resumed: boolean; pages: number; changed: number; removed: number; total: number } | { type: "failed"; problem: Problem };
export type Template = {
  slug: string;
  name: string;
  title: string;
  description: string;
  version: string;
  /** `npm`, `pypi`, `remote`, `oci` or another registry. */ type: string;
  category: string;
  tags: string[];
  tier: "reference" | "official" | "community";
  status: "active" | "deprecated" | "unavailable";
  statusMessage?: string;
  warning?: string;
  replacedBy?: string[];
  verified: boolean;
  checkedAt?: string;
  platform?: string;
  /** Why it is not verified. */ reason?: string;
  origin: "built-in" | "custom";
  revision?: number;
  updatedAt?: string;
  package?: { type: string; name: string; version: string | null };
  remote?: { url: string; transport: string };
  isolation: "session" | "principal" | "shared" | "call";
  variables: { name?: string; description?: string; required: boolean; default?: string; choices?: string[]; secret: boolean }[];
  arguments: { name?: string; description?: string; required: boolean; default?: string; choices?: string[]; type: "named" | "positional"; repeated: boolean }[];
  tools?: { name: string; description?: string; parameters?: { name: string; type?: string; required?: boolean }[] }[];
  install?: string;
  check?: { v: 1; package: string; checkedAt: string; platform: string; result: "passed" | "failed"; inputs?: string[]; protocolVersion?: string; eras?: ("legacy" | "modern")[]; tools: number; failure?: { code: string; message: string; phase?: string; exitCode?: number; stderr?: string[] } };
  readme: string;
  /** Its `server.json`. */ server: Record<string, unknown>;
};
/** A `server.json`, one with its page (`{"server", "readme", "slug"}`), the short form, or that of an earlier system. */
export type TemplateDocument = Record<string, unknown>;
/** An export, an answer of an MCP registry, a list, or one template. */
export type TemplateFile = Record<string, unknown> | unknown[];
export type TemplateSummary = {
  slug: string;
  name: string;
  title: string;
  description: string;
  version: string;
  /** `npm`, `pypi`, `remote`, `oci` or another registry. */ type: string;
  category: string;
  tags: string[];
  tier: "reference" | "official" | "community";
  status: "active" | "deprecated" | "unavailable";
  statusMessage?: string;
  warning?: string;
  replacedBy?: string[];
  verified: boolean;
  checkedAt?: string;
  platform?: string;
  /** Why it is not verified. */ reason?: string;
  origin: "built-in" | "custom";
  revision?: number;
  updatedAt?: string;
  package?: { type: string; name: string; version: string | null };
  remote?: { url: string; transport: string };
  isolation: "session" | "principal" | "shared" | "call";
  variables: { name?: string; description?: string; required: boolean; default?: string; choices?: string[]; secret: boolean }[];
  arguments: { name?: string; description?: string; required: boolean; default?: string; choices?: string[]; type: "named" | "positional"; repeated: boolean }[];
  tools: string[];
};
export type ToolCall = {
  tool: string;
  arguments?: Record<string, unknown>;
  inputResponses?: Record<string, unknown>;
  requestState?: string;
};
/** The last of a stream that could not go on. */
export type WatchFailure = {
  type: "failed";
  problem: Problem;
};
export type WatchItem = ServerEvent | WatchFailure;
