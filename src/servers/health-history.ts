/** Health checks of servers, as they are kept over a restart, and who keeps them. */
import type { HealthCheck } from './server-health.ts';

/** Checks of one server that are kept; older ones give way. */
export const KEPT_CHECKS = 200;

/** Implemented by `store/`; every call is durable when it returns, and none throws: a check is worth less than what was checked. */
export interface HealthStore {
  /** Checks of servers that are not stored are left out. The last words of a process are not kept. */
  add(server: string, check: HealthCheck): void;
  /** The newest ones of a server, newest first. */
  list(server: string, limit: number): HealthCheck[];
}

/** A check as the API shows it. */
export interface CheckView {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly ms: number;
  readonly health: 'healthy' | 'unhealthy';
  /** Failed checks in a row, this one included. */
  readonly failures: number;
  readonly failure?: HealthCheck['failure'];
}

export function viewCheck({ at, ms, failures, failure }: HealthCheck): CheckView {
  return {
    at: new Date(at).toISOString(),
    ms,
    health: failures === 0 ? 'healthy' : 'unhealthy',
    failures,
    ...(failure && { failure }),
  };
}
