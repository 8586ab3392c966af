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
  'MCP_SERVER_CPU_LIMIT',
  'MCP_SERVER_MEMORY_LIMIT',
  'K8S_NAMESPACE',
  'K8S_CONTEXT',
  'MAX_MCP_REPLICAS',
  'MCP_LABEL_SELECTOR',
  'MCP_SHUTDOWN_GRACE_PERIOD',
  'MCP_HEALTH_ENDPOINT',
  'ENABLE_RBAC_VALIDATION',
  'ENABLE_API_SERVER',
]);

const OLDER_LEVELS: ReadonlyMap<string, string> = new Map([
  ['warning', 'warn'],
  ['critical', 'fatal'],
  ['notset', 'trace'],
]);

/** The value of an older variable in our words: only severities had other names. */
export function fromOlderValue(key: string, value: string): string {
  return key === 'logLevel' ? (OLDER_LEVELS.get(value.trim().toLowerCase()) ?? value) : value;
}
