/** What the flags of another bridge come to. */
import { BerthError } from '../../errors.ts';
import type { BridgeRequest } from '../bridge-command.ts';
import type { RelayRequest } from '../stdio-command.ts';

export type CompatPlan =
  | { readonly kind: 'bridge'; readonly request: BridgeRequest; readonly notices: readonly string[] }
  | {
      readonly kind: 'relay';
      readonly request: Omit<RelayRequest, 'signal' | 'both'>;
      readonly notices: readonly string[];
    };

/** Refuses flags for which there is nothing here, each with what to do instead. */
export function refuseFlags(given: ReadonlySet<string>, reasons: Readonly<Record<string, string>>): void {
  for (const [flag, reason] of Object.entries(reasons))
    if (given.has(flag)) throw new BerthError('bad-input', `--${flag} is not taken`, { hint: reason });
}

/** What is said of flags that change nothing here. */
export function noticesOf(given: ReadonlySet<string>, reasons: Readonly<Record<string, string>>): string[] {
  return Object.entries(reasons).flatMap(([flag, reason]) =>
    given.has(flag) ? [`--${flag} has no effect: ${reason}`] : [],
  );
}

/** The names of all flags that were given. */
export function givenFlags(flags: {
  readonly texts: ReadonlyMap<string, unknown>;
  readonly numbers: ReadonlyMap<string, unknown>;
  readonly switches: ReadonlyMap<string, unknown>;
  readonly lists: ReadonlyMap<string, unknown>;
}): Set<string> {
  const { texts, numbers, switches, lists } = flags;
  return new Set([...texts.keys(), ...numbers.keys(), ...switches.keys(), ...lists.keys()]);
}
