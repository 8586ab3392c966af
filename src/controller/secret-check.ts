/**
 * Which Secrets their owners have released to servers (`berth.dev/usable=true`). Nobody here may read or list Secrets, so the API
 * server is asked: a policy of the chart warns of those that a trial request names, and of how they are labelled.
 */
import { secretQuestion } from '../cluster/objects/account.ts';
import type { Owner } from '../cluster/objects/blueprint.ts';
import { SERVICE_ACCOUNTS } from '../cluster/resources.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';

/** `withheld`: it is there, without the label. */
export type SecretState = 'released' | 'withheld' | 'missing';

export interface SeenSecret {
  readonly name: string;
  readonly state: SecretState;
  /** It has been so for a while, and is nobody's next command. */
  readonly isLasting: boolean;
}

export interface SecretCheck {
  /** In the namespace of `owner`. `anew`: what was seen a moment ago does not count. Rejects with what the API server says. */
  look(
    owner: Owner,
    names: readonly string[],
    how: { readonly anew: boolean },
  ): Promise<readonly SeenSecret[]>;
}

/** Milliseconds between looks at a Secret that pods have. Kubelet brings them a changed one about once a minute. */
export const CHECK_EVERY = 30_000;
/** Milliseconds in which a Secret may be without its label before that counts: one may be made first, and labelled then. */
export const CONFIRM_AFTER = 10_000;
const FORGET_AFTER = 20 * CHECK_EVERY;

/** Names of one question: the API server cuts off what it warns of beyond 4096 characters, and a name may have 253. */
const AT_ONCE = 8;

const TOLD = /ValidatingAdmissionPolicy '[^']*-released' .*: Secret (\S+) (may|may not) be used by servers$/;

interface Known {
  readonly state: SecretState;
  /** Milliseconds since 1970: when it was first seen so, and last. */
  readonly since: number;
  readonly at: number;
}

export function createSecretCheck(api: Pick<ClusterApi, 'apply'>, now: () => number): SecretCheck {
  const known = new Map<string, Known>();
  const remember = (name: string, state: SecretState): void => {
    const before = known.get(name);
    const at = now();
    known.set(name, { state, at, since: before?.state === state ? before.since : at });
  };
  const isOld = (name: string): boolean => {
    const found = known.get(name);
    return found?.state !== 'released' || now() - found.at >= CHECK_EVERY;
  };
  return {
    look: async (owner, names, { anew }) => {
      const asked = anew ? names : names.filter(isOld);
      for (let from = 0; from < asked.length; from += AT_ONCE) {
        const some = asked.slice(from, from + AT_ONCE);
        const states = await ask(api, owner, some);
        for (const name of some) remember(name, states.get(name) ?? 'missing');
      }
      for (const [name, { at }] of known) if (now() - at > FORGET_AFTER) known.delete(name);
      return names.map((name) => {
        const { state, since } = known.get(name) ?? { state: 'missing' as const, since: now() };
        return { name, state, isLasting: now() - since >= CONFIRM_AFTER };
      });
    },
  };
}

async function ask(
  api: Pick<ClusterApi, 'apply'>,
  owner: Owner,
  names: readonly string[],
): Promise<ReadonlyMap<string, SecretState>> {
  const states = new Map<string, SecretState>();
  const onWarning = (text: string): void => {
    const [, name, may] = TOLD.exec(text) ?? [];
    if (name !== undefined) states.set(name, may === 'may' ? 'released' : 'withheld');
  };
  const options = { manager: MANAGER, force: true, dryRun: true, onWarning };
  await api.apply(SERVICE_ACCOUNTS, secretQuestion(owner, names), options);
  return states;
}
