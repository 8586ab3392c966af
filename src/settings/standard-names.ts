/** Variables of OpenTelemetry that mean one of our settings, for whoever sets them for all programs alike. */
import type { Environment } from './sources.ts';

/** The more specific one last: it counts. Ours counts before both. */
const STANDARD_NAMES = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] as const;
const KEY = 'traces.endpoint';

/** By key, each with its variable; nothing where the environment says that nobody traces. */
export function fromStandardNames(env: Environment): Map<string, { value: string; source: string }> {
  const isOff =
    env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER?.trim() === 'none';
  const name = STANDARD_NAMES.findLast((one) => env[one]);
  const value = name && env[name];
  return new Map(isOff || !value ? [] : [[KEY, { value, source: `environment variable ${name}` }]]);
}
