/** The conditions of a server's status; the time of the last change stays when nothing has changed. */
import type { Condition, ConditionType } from '../cluster/mcp-server.ts';

export type Facts = Readonly<
  Partial<Record<ConditionType, Omit<Condition, 'type' | 'lastTransitionTime' | 'observedGeneration'>>>
>;

export interface ConditionsInput {
  readonly before: readonly Condition[];
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const MOST_TEXT = 30_000;

export function toConditions(facts: Facts, { before, generation, now }: ConditionsInput): Condition[] {
  return (Object.keys(facts) as ConditionType[]).flatMap((type) => {
    const fact = facts[type];
    if (!fact) return [];
    const old = before.find((one) => one.type === type);
    return [
      {
        type,
        ...fact,
        message: fact.message.slice(0, MOST_TEXT),
        lastTransitionTime: old?.status === fact.status ? old.lastTransitionTime : rfc3339(now),
        observedGeneration: generation,
      },
    ];
  });
}

/** Without fractions of a second, as Kubernetes writes times. */
export function rfc3339(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
