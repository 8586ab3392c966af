/** Variable names of earlier systems that people still have in their deployments. */

/** Older variables that mean one of our settings. Where ours is given too, ours wins. */
export const OLDER_NAMES: ReadonlyMap<string, string> = new Map([
  ['LOG_LEVEL', 'logLevel'],
  ['LOG_FORMAT', 'logFormat'],
  ['MCP_ALLOW_NPX', 'allow.npm'],
  ['MCP_ALLOW_UV', 'allow.pypi'],
  ['MCP_ALLOW_CUSTOM_IMAGES', 'allow.images'],
  ['MCP_SIDECAR_HOST', 'host'],
  ['MCP_SIDECAR_PORT', 'port'],
  ['MCP_SIDECAR_URL', 'publicUrl'],
  ['MCP_MESH_HTTP_HOST', 'host'],
  ['MCP_MESH_HTTP_PORT', 'port'],
  ['MCP_MESH_LOG_LEVEL', 'logLevel'],
  ['MCP_LABEL_SELECTOR', 'servers.discover'],
  ['MCP_SHUTDOWN_GRACE_PERIOD', 'limits.stopTimeout'],
  ['HEALTH_CHECK_INTERVAL_SECONDS', 'health.interval'],
  ['MCP_SERVER_MEMORY_LIMIT', 'resources.memory'],
  ['MCP_SERVER_CPU_LIMIT', 'resources.cpu'],
]);

/** Older variables that are accepted and do nothing, and what says that here. Texts are Markdown. */
export const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  [
    'ARCHON_MCP_IMAGE',
    '`images.archon` of the chart, which also takes this variable in `controller.extraEnv`; or `source.archon.image` of a server',
  ],
  ['ARCHON_MCP_HOST', 'nothing: an archon server listens in its own pod, on every address'],
  ['ARCHON_MCP_PORT', '`port` of a server, or this variable in its `env`'],
  [
    'TRANSPORT',
    '`transport` of an archon server, or this variable in its `env`; the gateway speaks all of them at once',
  ],
  ['KUBERNETES_NAMESPACE', '`servers.namespace` of the chart'],
  ['DEPLOYMENT_MODE', '`runtime`: pods need rights, which the chart brings'],
  ['SERVICE_DISCOVERY_MODE', '`runtime`: servers are found where they run'],
  ['MCP_MESH_HTTP_ENABLED', 'nothing: the gateway always serves HTTP'],
  ['K8S_NAMESPACE', '`servers.namespace` of the chart'],
  ['K8S_CONTEXT', 'the current context of `KUBECONFIG`'],
  ['MAX_MCP_REPLICAS', 'nothing: a server has ten replicas at most'],
  ['MCP_HEALTH_ENDPOINT', '`/livez` and `/readyz`'],
  ['ENABLE_RBAC_VALIDATION', '`berth doctor`'],
  ['ENABLE_API_SERVER', 'nothing: the API is always there'],
]);

const OLDER_LEVELS: ReadonlyMap<string, string> = new Map([
  ['warning', 'warn'],
  ['critical', 'fatal'],
  ['notset', 'trace'],
]);

/** Those whose bare number meant seconds. */
const IN_SECONDS: ReadonlySet<string> = new Set([
  'MCP_SHUTDOWN_GRACE_PERIOD',
  'HEALTH_CHECK_INTERVAL_SECONDS',
]);

/** The value of an older variable in our words: severities had other names, durations another unit. */
export function fromOlderValue(name: string, value: string): string {
  if (OLDER_NAMES.get(name) === 'logLevel') return OLDER_LEVELS.get(value.trim().toLowerCase()) ?? value;
  return IN_SECONDS.has(name) && /^[\d.]+$/.test(value.trim()) ? `${value.trim()}s` : value;
}
