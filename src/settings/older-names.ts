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
  ['MCP_MESH_HTTP_HOST', 'host'],
  ['MCP_MESH_HTTP_PORT', 'port'],
  ['MCP_MESH_LOG_LEVEL', 'logLevel'],
  ['MCP_LABEL_SELECTOR', 'servers.discover'],
  ['MCP_SHUTDOWN_GRACE_PERIOD', 'limits.stopTimeout'],
  ['HEALTH_CHECK_INTERVAL_SECONDS', 'health.interval'],
  ['MCP_SERVER_MEMORY_LIMIT', 'resources.memory'],
  ['MCP_SERVER_CPU_LIMIT', 'resources.cpu'],
]);

/** Older variables that are accepted and do nothing where servers run as processes of one machine. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'ARCHON_MCP_IMAGE',
  'ARCHON_MCP_HOST',
  'ARCHON_MCP_PORT',
  'KUBERNETES_NAMESPACE',
  'DEPLOYMENT_MODE',
  'SERVICE_DISCOVERY_MODE',
  'MCP_SIDECAR_URL',
  'MCP_MESH_HTTP_ENABLED',
  'K8S_NAMESPACE',
  'K8S_CONTEXT',
  'MAX_MCP_REPLICAS',
  'MCP_HEALTH_ENDPOINT',
  'ENABLE_RBAC_VALIDATION',
  'ENABLE_API_SERVER',
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
