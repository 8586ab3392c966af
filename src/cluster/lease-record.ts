/** What stands in a Lease, and what may be concluded from it without believing anybody's clock. */
import type { Clock } from '../clock.ts';
import type { KubeObject, ObjectName } from './resources.ts';

/** Seconds after its last renewal that others leave a lease alone. */
export const LEASE_SECONDS = 15;

export interface LeaseSpec {
  /** Empty: free. */
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
}

export interface Lease extends KubeObject {
  readonly spec?: LeaseSpec;
}

/** A lease that `identity` takes or keeps; the times in it are for people only. */
export function heldLease(name: ObjectName, identity: string, before: Lease | undefined): Lease {
  const now = microTime(new Date());
  const spec = before?.spec ?? {};
  const same = spec.holderIdentity === identity;
  const transitions = spec.leaseTransitions ?? 0;
  return {
    metadata: before?.metadata ?? name,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: same ? (spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: same || before === undefined ? transitions : transitions + 1,
    },
  };
}

/** The same lease, free for everybody. */
export function freeLease(held: Lease): Lease {
  const renewTime = microTime(new Date());
  return { ...held, spec: { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime } };
}

/** Watches a lease from outside: it has expired when it has not changed for as long as it says, by our own time. */
export class LeaseObservation {
  readonly #clock: Clock;
  #version: string | undefined;
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  see({ metadata }: Lease): void {
    if (metadata.resourceVersion === this.#version) return;
    this.#version = metadata.resourceVersion;
    this.#since = this.#clock.now();
  }

  isFree({ spec }: Lease): boolean {
    if (!spec?.holderIdentity) return true;
    const duration = (spec.leaseDurationSeconds ?? LEASE_SECONDS) * 1_000;
    return this.#clock.now() - this.#since >= duration;
  }
}

/** Kubernetes wants exactly six digits. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
