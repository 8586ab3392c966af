/** What each operation of the API takes and answers. Generated from the OpenAPI document; to renew it: `npm test -- test/client -u`. */
import type { CallLine, CallOutcome, Failure, Group, GroupSpec, HealthCheck, Inspection, InspectionLine, InspectionRequest, Installation, LogEntry, LogItem, LogLine, Login, LoginCallback, LoginRequest, Merge, Package, PromptCall, Reading, RegistryEntry, RegistryList, Scale, SearchResult, Secret, Server, ServerSpec, Session, StartEvent, SyncLine, Template, TemplateDocument, TemplateFile, TemplateSummary, ToolCall, WatchItem } from './types.ts';

export interface Operations {
  /** Create a server and start it; the same again starts the one that is there. */
  createServer: { params: Record<never, never>; query: { wait?: "ready"; timeout?: number }; body: ServerSpec; answer: Server; item: never };
  /** List servers, by name. */
  listServers: { params: Record<never, never>; query: { state?: "stopped" | "pending" | "starting" | "running" | "scaling" | "degraded" | "failed" | "unknown"; type?: "npm" | "pypi" | "remote" | "image" | "archon" | "script" | "deployment"; template?: string; label?: string[]; limit?: number; offset?: number; cursor?: string }; body: undefined; answer: { servers: Server[]; total: number; next?: string; position: string }; item: never };
  /** One server: specification and status. */
  getServer: { params: { name: string }; query: Record<never, never>; body: undefined; answer: Server; item: never };
  /** Stop a server and forget it. */
  deleteServer: { params: { name: string }; query: { force?: boolean }; body: undefined; answer: undefined; item: never };
  /** Check whether a server answers, and say how it came out. */
  checkServer: { params: { name: string }; query: Record<never, never>; body: undefined; answer: { state: "stopped" | "pending" | "starting" | "running" | "scaling" | "degraded" | "failed" | "unknown"; health: "healthy" | "unhealthy" | "unknown"; message: string; hint?: string; failure?: Failure; lastCheck?: { at: string; ms: number; failures: number } }; item: never };
  /** How the health checks of a server came out, newest first. */
  listChecks: { params: { name: string }; query: { limit?: number; offset?: number }; body: undefined; answer: { checks: HealthCheck[]; total: number }; item: never };
  /** Start a server that is stopped. */
  startServer: { params: { name: string }; query: { wait?: "ready"; timeout?: number }; body: undefined; answer: Server; item: never };
  /** End the sessions and processes of a server; it stays in the list. */
  stopServer: { params: { name: string }; query: { force?: boolean }; body: undefined; answer: Server; item: never };
  /** Make the processes of a server anew. */
  restartServer: { params: { name: string }; query: { wait?: "ready"; timeout?: number }; body: undefined; answer: Server; item: never };
  /** Set the number of replicas. */
  scaleServer: { params: { name: string }; query: { wait?: "ready"; timeout?: number }; body: Scale; answer: Server; item: never };
  /** The newest lines of standard error of a server. */
  readLog: { params: { name: string }; query: { tail?: number; follow?: boolean; also?: ("gateway" | "events")[] }; body: undefined; answer: { lines: LogLine[] }; item: LogLine };
  /** The newest start of a server from its beginning to its end; or what becomes of it. */
  readServerEvents: { params: { name: string }; query: { after?: string }; body: undefined; answer: undefined; item: StartEvent | WatchItem };
  /** The newest lines of the log of the gateway itself. */
  readGatewayLog: { params: Record<never, never>; query: { tail?: number; level?: "trace" | "debug" | "info" | "warn" | "error" | "fatal"; server?: string; follow?: boolean; after?: string }; body: undefined; answer: { entries: LogEntry[]; position: string; gateway?: string }; item: LogItem };
  /** Forget the lines of the gateway’s log that are kept for the API. */
  clearGatewayLog: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: undefined; item: never };
  /** What becomes of servers, as it happens. */
  watchServers: { params: Record<never, never>; query: { server?: string[]; type?: "npm" | "pypi" | "remote" | "image" | "archon" | "script" | "deployment"; template?: string; label?: string[]; after?: string }; body: undefined; answer: undefined; item: WatchItem };
  /** Who is connected to a server, oldest first. */
  listSessions: { params: { name: string }; query: { limit?: number; offset?: number }; body: undefined; answer: { sessions: Session[]; total: number }; item: never };
  /** End all sessions of a server. */
  endSessions: { params: { name: string }; query: Record<never, never>; body: undefined; answer: { ended: number }; item: never };
  /** End one session of a server. */
  endSession: { params: { name: string; id: string }; query: Record<never, never>; body: undefined; answer: undefined; item: never };
  /** How much a server was used. */
  readUsage: { params: { name: string }; query: { days?: number }; body: undefined; answer: { days: { day: string; sessions: number; calls: number; failedCalls: number; bytesToServer: number; bytesFromServer: number }[]; sum: { sessions: number; calls: number; failedCalls: number; bytesToServer: number; bytesFromServer: number } }; item: never };
  /** Names of the secrets that the gateway keeps, and which servers use them; never a value. */
  listSecrets: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { secrets: { name: string; updatedAt: string; usedBy: string[] }[]; total: number }; item: never };
  /** Keep a secret. */
  keepSecret: { params: { name: string }; query: Record<never, never>; body: Secret; answer: undefined; item: never };
  /** Forget a secret. */
  deleteSecret: { params: { name: string }; query: { force?: boolean }; body: undefined; answer: undefined; item: never };
  /** Begin a login at a remote server. */
  beginLogin: { params: { name: string }; query: Record<never, never>; body: LoginRequest; answer: { login: string; authorizationUrl: string; expiresAt: string }; item: never };
  /** Who gave the login of a server, and until when it counts. */
  getLogin: { params: { name: string }; query: Record<never, never>; body: undefined; answer: Login; item: never };
  /** End the login of a server at both sides. */
  endLogin: { params: { name: string }; query: Record<never, never>; body: undefined; answer: undefined; item: never };
  /** Finish a login; the server is started again. */
  finishLogin: { params: { name: string; login: string }; query: Record<never, never>; body: LoginCallback; answer: Login; item: never };
  /** The tools of a server, as it describes them. */
  'list-tools': { params: { name: string }; query: Record<never, never>; body: undefined; answer: { tools: Record<string, unknown>[]; total: number }; item: never };
  /** The prompts of a server, as it describes them. */
  'list-prompts': { params: { name: string }; query: Record<never, never>; body: undefined; answer: { prompts: Record<string, unknown>[]; total: number }; item: never };
  /** The resources of a server, as it describes them. */
  'list-resources': { params: { name: string }; query: Record<never, never>; body: undefined; answer: { resources: Record<string, unknown>[]; total: number }; item: never };
  /** The resource templates of a server, as it describes them. */
  'list-resource-templates': { params: { name: string }; query: Record<never, never>; body: undefined; answer: { resourceTemplates: Record<string, unknown>[]; total: number }; item: never };
  /** Call a tool. */
  callTool: { params: { name: string }; query: Record<never, never>; body: ToolCall; answer: CallOutcome; item: CallLine };
  /** Fill in a prompt. */
  getPrompt: { params: { name: string }; query: Record<never, never>; body: PromptCall; answer: CallOutcome; item: CallLine };
  /** Read a resource. */
  readResource: { params: { name: string }; query: Record<never, never>; body: Reading; answer: CallOutcome; item: CallLine };
  /** The catalogue; with `q` what fits, best first. */
  listTemplates: { params: Record<never, never>; query: { q?: string; category?: string; type?: string; tag?: string[]; tier?: "reference" | "official" | "community"; status?: "active" | "deprecated" | "unavailable"; capability?: string; package?: string; verified?: "true" | "false"; origin?: "built-in" | "custom"; limit?: number; offset?: number }; body: undefined; answer: { templates: TemplateSummary[]; total: number; categories: { name: string; count: number }[]; renamed?: string }; item: never };
  /** Add a template of your own. */
  createTemplate: { params: Record<never, never>; query: Record<never, never>; body: TemplateDocument; answer: Template; item: never };
  /** One template with its document, its page, its tools and its check. */
  getTemplate: { params: { slug: string }; query: Record<never, never>; body: undefined; answer: Template; item: never };
  /** Take the place of a template of your own. */
  replaceTemplate: { params: { slug: string }; query: Record<never, never>; body: TemplateDocument; answer: Template; item: never };
  /** Remove a template of your own; servers that were made of it go on. */
  deleteTemplate: { params: { slug: string }; query: Record<never, never>; body: undefined; answer: undefined; item: never };
  /** Categories with their numbers of templates. */
  listCategories: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { categories: { name: string; count: number }[] }; item: never };
  /** Numbers by type, transport, tier, status and category. */
  readStatistics: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { templates: number; custom: number; verified: number; tools: number; types: Record<string, number>; transports: Record<string, number>; tiers: Record<string, number>; statuses: Record<string, number>; categories: Record<string, number> }; item: never };
  /** Packages that lists still carry, and what to use instead. */
  listRenames: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { renames: { ecosystem: "npm" | "pypi"; name: string; state: "archived" | "deprecated" | "renamed" | "missing"; use: string[]; note?: string }[] }; item: never };
  /** Templates, most asked for first. */
  listPopular: { params: Record<never, never>; query: { limit?: number }; body: undefined; answer: { templates: TemplateSummary[] }; item: never };
  /** A file of templates. */
  exportTemplates: { params: Record<never, never>; query: { format?: "berth" | "registry"; slug?: string[]; category?: string; type?: string; tag?: string[]; tier?: "reference" | "official" | "community"; status?: "active" | "deprecated" | "unavailable"; capability?: string; package?: string; verified?: "true" | "false"; origin?: "built-in" | "custom" }; body: undefined; answer: { version: "1.0"; templates: { slug: string; server: Record<string, unknown>; readme?: string }[] } | RegistryList; item: never };
  /** Find servers everywhere at once. */
  search: { params: Record<never, never>; query: { q?: string; provider?: string; all?: boolean; refresh?: boolean; limit?: number; offset?: number }; body: undefined; answer: { results: SearchResult[]; total: number; query: string; providers: { name: string; state: "ok" | "stale" | "failed" | "unsupported" | "preparing" | "off"; count: number; tookMs: number; ageSeconds?: number; capabilities: Record<string, boolean | "unknown">; message?: string; failure?: { code: string; message: string; hint: string; reason?: unknown; retryAfterSeconds?: unknown } }[]; tookMs: number }; item: never };
  /** The places that are searched, and what they are known to be able to do. */
  listProviders: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { providers: { name: string; capabilities: Record<string, boolean | "unknown"> }[]; ecosystems: Record<string, "npm" | "pypi"> }; item: never };
  /** Searches, failures and times of each place, and what is popular of what was found. */
  readSearchStatistics: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { searches: number; providers: { name: string; searches: number; failures: number; found: number; totalMs: number; meanMs: number }[]; popular: { npm: { name: string; downloads: number }[]; pypi: { name: string; downloads: number }[] }; categories: Record<string, number> }; item: never };
  /** All that is known of a package. */
  readPackage: { params: { ecosystem: string; name: string }; query: { version?: string; refresh?: boolean }; body: undefined; answer: Package; item: never };
  /** The versions of a package, newest first. */
  listVersions: { params: { ecosystem: string; name: string }; query: { version?: string; refresh?: boolean; limit?: number; offset?: number }; body: undefined; answer: { versions: { version: string; published?: string; deprecated?: string; yanked?: string; prerelease: boolean; engines: Record<string, string> }[]; tags: Record<string, string>; total: number }; item: never };
  /** What a version of a package depends on. */
  listDependencies: { params: { ecosystem: string; name: string }; query: { version?: string; refresh?: boolean }; body: undefined; answer: { version: string; dependencies: Record<string, string> | null }; item: never };
  /** The MCP registries that are searched, and how old their mirrors are. */
  listRegistries: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { registries: { name: string; url: string; servers?: number; ageSeconds?: number; unfinishedPages?: number }[]; total: number }; item: never };
  /** Bring the mirror of an MCP registry up to date. */
  syncRegistry: { params: { name: string }; query: { full?: boolean }; body: undefined; answer: { kind: "full" | "changes"; resumed: boolean; pages: number; changed: number; removed: number; total: number }; item: SyncLine };
  /** Try a package in a sandbox, and tell what was seen of it. */
  inspectPackage: { params: Record<never, never>; query: Record<never, never>; body: InspectionRequest; answer: Inspection; item: InspectionLine };
  /** List groups of servers. */
  listGroups: { params: Record<never, never>; query: { limit?: number; offset?: number }; body: undefined; answer: { groups: Group[]; total: number }; item: never };
  /** Make a group of servers. */
  createGroup: { params: Record<never, never>; query: Record<never, never>; body: GroupSpec; answer: Group; item: never };
  /** One group. */
  getGroup: { params: { name: string }; query: Record<never, never>; body: undefined; answer: Group; item: never };
  /** Make a group, or take the place of the one that is there. */
  replaceGroup: { params: { name: string }; query: Record<never, never>; body: GroupSpec; answer: Group; item: never };
  /** Remove a group; its servers go on. */
  deleteGroup: { params: { name: string }; query: Record<never, never>; body: undefined; answer: undefined; item: never };
  /** The tools of a group, by the names that its clients see. */
  listGroupTools: { params: { name: string }; query: Record<never, never>; body: undefined; answer: { tools: Record<string, unknown>[]; total: number; silent: ({ server: string; detail: string; code: "bad-input" | "bad-setting" | "parse-error" | "invalid-request" | "unsupported-version" | "unknown-version" | "header-mismatch" | "missing-capability" | "unknown-method" | "invalid-params" | "missing-session" | "unknown-session" | "unknown-stream" | "unauthorized" | "forbidden" | "wrong-host" | "not-found" | "method-not-allowed" | "not-acceptable" | "conflict" | "in-progress" | "position-expired" | "precondition-failed" | "too-large" | "unsupported-media-type" | "limit-reached" | "not-allowed" | "missing-input" | "key-reused" | "internal" | "cluster-refused" | "resolve-failed" | "registry-failed" | "install-failed" | "start-failed" | "process-exited" | "request-timeout" | "call-refused" | "call-failed" | "input-required" | "message-too-large" | "busy" | "resting" | "unreachable" | "remote-failed" | "stopped"; hint: string } & Record<string, unknown>)[] }; item: never };
  /** MCP clients whose configuration is known. */
  listClients: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { clients: { id: string; title: string; format: "jsonc" | "toml" | "yaml"; calls: "url" | "program" }[] }; item: never };
  /** What a client must be told of a server. */
  configureClient: { params: { name: string; client: string }; query: { keyVariable?: string; keyFile?: string }; body: undefined; answer: { client: string; title: string; format: "jsonc" | "toml" | "yaml"; url: string; text: string; after?: string }; item: never };
  /** What a client must be told of a group. */
  configureClientForGroup: { params: { name: string; client: string }; query: { keyVariable?: string; keyFile?: string }; body: undefined; answer: { client: string; title: string; format: "jsonc" | "toml" | "yaml"; url: string; text: string; after?: string }; item: never };
  /** What the gateway runs with, and where each setting was given. */
  readSettings: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: { settings: { key: string; value?: unknown; source: string }[] }; item: never };
  /** How the installation is: its parts, their ages, servers by state. */
  readHealth: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: Installation; item: never };
  /** Make a template of your own from another one, with members of a `server.json` laid over it. */
  mergeTemplate: { params: { slug: string }; query: { dryRun?: boolean }; body: Merge; answer: Template; item: never };
  /** What was changed of a template of your own, newest first. */
  readHistory: { params: { slug: string }; query: Record<never, never>; body: undefined; answer: { history: { revision: number; at: string; change: "registered" | "replaced" | "removed"; server?: Record<string, unknown>; readme?: string }[] }; item: never };
  /** Whether a template would be taken, and which members are wrong. */
  validateTemplate: { params: Record<never, never>; query: Record<never, never>; body: TemplateDocument; answer: { valid: true; slug: string; taken: boolean } | { valid: false; detail: string; code: "bad-input" | "bad-setting" | "parse-error" | "invalid-request" | "unsupported-version" | "unknown-version" | "header-mismatch" | "missing-capability" | "unknown-method" | "invalid-params" | "missing-session" | "unknown-session" | "unknown-stream" | "unauthorized" | "forbidden" | "wrong-host" | "not-found" | "method-not-allowed" | "not-acceptable" | "conflict" | "in-progress" | "position-expired" | "precondition-failed" | "too-large" | "unsupported-media-type" | "limit-reached" | "not-allowed" | "missing-input" | "key-reused" | "internal" | "cluster-refused" | "resolve-failed" | "registry-failed" | "install-failed" | "start-failed" | "process-exited" | "request-timeout" | "call-refused" | "call-failed" | "input-required" | "message-too-large" | "busy" | "resting" | "unreachable" | "remote-failed" | "stopped"; hint: string; errors?: { pointer: string; detail: string }[] }; item: never };
  /** Add the templates of a file. */
  importTemplates: { params: Record<never, never>; query: { replace?: boolean }; body: TemplateFile; answer: { imported: string[]; skipped: { index?: number; name: string; detail: string; code: "bad-input" | "bad-setting" | "parse-error" | "invalid-request" | "unsupported-version" | "unknown-version" | "header-mismatch" | "missing-capability" | "unknown-method" | "invalid-params" | "missing-session" | "unknown-session" | "unknown-stream" | "unauthorized" | "forbidden" | "wrong-host" | "not-found" | "method-not-allowed" | "not-acceptable" | "conflict" | "in-progress" | "position-expired" | "precondition-failed" | "too-large" | "unsupported-media-type" | "limit-reached" | "not-allowed" | "missing-input" | "key-reused" | "internal" | "cluster-refused" | "resolve-failed" | "registry-failed" | "install-failed" | "start-failed" | "process-exited" | "request-timeout" | "call-refused" | "call-failed" | "input-required" | "message-too-large" | "busy" | "resting" | "unreachable" | "remote-failed" | "stopped"; hint: string; errors?: { pointer: string; detail: string }[] }[] }; item: never };
  /** This document. */
  readDocument: { params: Record<never, never>; query: Record<never, never>; body: undefined; answer: Record<string, unknown>; item: never };
  /** The catalogue as an MCP registry. */
  listRegistry: { params: Record<never, never>; query: { search?: string; updated_since?: string; version?: string; limit?: string; cursor?: string }; body: undefined; answer: RegistryList; item: never };
  /** All versions of a server in the registry. */
  listRegistryVersions: { params: { name: string }; query: Record<never, never>; body: undefined; answer: RegistryList; item: never };
  /** One version of a server in the registry. */
  getRegistryVersion: { params: { name: string; version: string }; query: Record<never, never>; body: undefined; answer: RegistryEntry; item: never };
}

/** Method and path by operation. */
export const PLACES = {
  createServer: ['POST', '/api/v1/servers'],
  listServers: ['GET', '/api/v1/servers'],
  getServer: ['GET', '/api/v1/servers/{name}'],
  deleteServer: ['DELETE', '/api/v1/servers/{name}'],
  checkServer: ['GET', '/api/v1/servers/{name}/health'],
  listChecks: ['GET', '/api/v1/servers/{name}/checks'],
  startServer: ['POST', '/api/v1/servers/{name}/start'],
  stopServer: ['POST', '/api/v1/servers/{name}/stop'],
  restartServer: ['POST', '/api/v1/servers/{name}/restart'],
  scaleServer: ['POST', '/api/v1/servers/{name}/scale'],
  readLog: ['GET', '/api/v1/servers/{name}/logs'],
  readServerEvents: ['GET', '/api/v1/servers/{name}/events'],
  readGatewayLog: ['GET', '/api/v1/logs'],
  clearGatewayLog: ['DELETE', '/api/v1/logs'],
  watchServers: ['GET', '/api/v1/events'],
  listSessions: ['GET', '/api/v1/servers/{name}/sessions'],
  endSessions: ['DELETE', '/api/v1/servers/{name}/sessions'],
  endSession: ['DELETE', '/api/v1/servers/{name}/sessions/{id}'],
  readUsage: ['GET', '/api/v1/servers/{name}/usage'],
  listSecrets: ['GET', '/api/v1/secrets'],
  keepSecret: ['PUT', '/api/v1/secrets/{name}'],
  deleteSecret: ['DELETE', '/api/v1/secrets/{name}'],
  beginLogin: ['POST', '/api/v1/servers/{name}/login'],
  getLogin: ['GET', '/api/v1/servers/{name}/login'],
  endLogin: ['DELETE', '/api/v1/servers/{name}/login'],
  finishLogin: ['POST', '/api/v1/servers/{name}/login/{login}'],
  'list-tools': ['GET', '/api/v1/servers/{name}/tools'],
  'list-prompts': ['GET', '/api/v1/servers/{name}/prompts'],
  'list-resources': ['GET', '/api/v1/servers/{name}/resources'],
  'list-resource-templates': ['GET', '/api/v1/servers/{name}/resource-templates'],
  callTool: ['POST', '/api/v1/servers/{name}/call'],
  getPrompt: ['POST', '/api/v1/servers/{name}/prompt'],
  readResource: ['POST', '/api/v1/servers/{name}/read'],
  listTemplates: ['GET', '/api/v1/templates'],
  createTemplate: ['POST', '/api/v1/templates'],
  getTemplate: ['GET', '/api/v1/templates/{slug}'],
  replaceTemplate: ['PUT', '/api/v1/templates/{slug}'],
  deleteTemplate: ['DELETE', '/api/v1/templates/{slug}'],
  listCategories: ['GET', '/api/v1/catalogue/categories'],
  readStatistics: ['GET', '/api/v1/catalogue/statistics'],
  listRenames: ['GET', '/api/v1/catalogue/renames'],
  listPopular: ['GET', '/api/v1/catalogue/popular'],
  exportTemplates: ['GET', '/api/v1/catalogue/export'],
  search: ['GET', '/api/v1/search'],
  listProviders: ['GET', '/api/v1/search/providers'],
  readSearchStatistics: ['GET', '/api/v1/search/statistics'],
  readPackage: ['GET', '/api/v1/packages/{ecosystem}/{name}'],
  listVersions: ['GET', '/api/v1/packages/{ecosystem}/{name}/versions'],
  listDependencies: ['GET', '/api/v1/packages/{ecosystem}/{name}/dependencies'],
  listRegistries: ['GET', '/api/v1/search/registries'],
  syncRegistry: ['POST', '/api/v1/search/registries/{name}/sync'],
  inspectPackage: ['POST', '/api/v1/inspect'],
  listGroups: ['GET', '/api/v1/groups'],
  createGroup: ['POST', '/api/v1/groups'],
  getGroup: ['GET', '/api/v1/groups/{name}'],
  replaceGroup: ['PUT', '/api/v1/groups/{name}'],
  deleteGroup: ['DELETE', '/api/v1/groups/{name}'],
  listGroupTools: ['GET', '/api/v1/groups/{name}/tools'],
  listClients: ['GET', '/api/v1/clients'],
  configureClient: ['GET', '/api/v1/servers/{name}/clients/{client}'],
  configureClientForGroup: ['GET', '/api/v1/groups/{name}/clients/{client}'],
  readSettings: ['GET', '/api/v1/settings'],
  readHealth: ['GET', '/api/v1/health'],
  mergeTemplate: ['POST', '/api/v1/templates/{slug}/merge'],
  readHistory: ['GET', '/api/v1/templates/{slug}/history'],
  validateTemplate: ['POST', '/api/v1/catalogue/validate'],
  importTemplates: ['POST', '/api/v1/catalogue/import'],
  readDocument: ['GET', '/api/v1/openapi.json'],
  listRegistry: ['GET', '/v0.1/servers'],
  listRegistryVersions: ['GET', '/v0.1/servers/{name}/versions'],
  getRegistryVersion: ['GET', '/v0.1/servers/{name}/versions/{version}'],
} as const satisfies Record<keyof Operations, readonly [string, string]>;
