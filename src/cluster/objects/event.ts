/** As much of an Event as is read: what somebody in the cluster says of an object. */
import type { KubeObject } from '../resources.ts';

/** Of `events.k8s.io/v1`; those of older reporters have the times with `deprecated` in front. */
export interface EventObject extends KubeObject {
  readonly regarding?: { readonly kind?: string; readonly name?: string };
  readonly reason?: string;
  readonly note?: string;
  readonly type?: string;
  readonly eventTime?: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
  readonly deprecatedCount?: number;
  readonly deprecatedLastTimestamp?: string | null;
}

/** When it was said last, in milliseconds since 1970; 0 when it does not tell. */
export function eventTimeOf({ series, deprecatedLastTimestamp, eventTime, metadata }: EventObject): number {
  const text = series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return Date.parse(text ?? '') || 0;
}
