/**
 * What a test has made in the cluster and not removed. An API server numbers all changes; a test has those between two numbers, and
 * what is made by changes of its own must also end by one of them. So nothing depends on how soon a watch tells of it.
 *
 * Objects with an owner do not count: they go with it, and until then its controller makes and replaces them whenever it likes (pods,
 * ReplicaSets, all that an MCPServer has). A release of helm is the owner of what helm makes, and is there as the record of its first
 * version. Whatever has no owner counts, but for what Kubernetes makes in every namespace and for claims. An object ends here when its
 * deletion is asked for: that it really goes is looked at after all tests.
 */
import {
  type KubeObject,
  NAMESPACES,
  type ObjectMeta,
  type Resource,
} from '../../../src/cluster/resources.ts';

/** What tests go on with: `plural name`, or an expression that this must fit. */
export type Pattern = string | RegExp;

export function fits(name: string, pattern: Pattern): boolean {
  return typeof pattern === 'string' ? pattern === name : pattern.test(name);
}

const NEVER = Number.POSITIVE_INFINITY;

interface Thing {
  /** Its own, or that of the namespace that it is: what is in a namespace ends with it. */
  readonly namespace: string;
  /** As people read it. */
  readonly name: string;
  /** As a {@link Pattern} has it. */
  readonly short: string;
  /** Revisions. */
  readonly born: number;
  readonly ended?: number;
}

/** The time of one test, of several that run at once, or of several in a row of which all but the last have made nothing. */
export class Span {
  /** Names of the last, or of those at once. */
  tests: string[] = [];
  /** Its changes are above the first revision, up to the second. */
  from = NEVER;
  to = NEVER;
  /** Until when what it made had time to go. */
  until = NEVER;
  /** Its tests have failed, which is told already: what they leave is no news. */
  failed = false;
  readonly left: Pattern[] = [];
}

export class ObjectDiff {
  readonly #things = new Map<string, Thing>();
  readonly #isOwn: (name: string) => boolean;

  /** `isOwn`: whether an object is of this run, by a name as in `secrets NAMESPACE/NAME`. */
  constructor(isOwn: (name: string) => boolean) {
    this.#isOwn = isOwn;
  }

  /** An object is there, or has been changed. */
  there({ plural }: Resource, { metadata }: KubeObject): void {
    const { uid = '', namespace = '', name = '', deletionTimestamp } = metadata;
    const short = `${plural} ${name}`;
    if (hasOwner(metadata) || UNCOUNTED.test(short)) {
      this.#things.delete(uid);
      return;
    }
    const revision = Number(metadata.resourceVersion);
    const { born, ended } = this.#things.get(uid) ?? { born: revision, ended: undefined };
    const end = ended ?? (deletionTimestamp === undefined ? undefined : revision);
    const within = plural === NAMESPACES.plural ? name : namespace;
    const thing = { namespace: within, name: `${plural} ${namespace}/${name}`, short, born };
    this.#things.set(uid, end === undefined ? thing : { ...thing, ended: end });
  }

  /** An object is no longer there; `metadata` as of its end. */
  gone(_kind: Resource, { metadata }: KubeObject): void {
    const thing = this.#things.get(metadata.uid ?? '');
    if (thing) this.#things.set(metadata.uid ?? '', { ended: Number(metadata.resourceVersion), ...thing });
  }

  /** Whether anything of this run was made in a span, be it gone or not. */
  hasMade(span: Span): boolean {
    return this.#made(span).length > 0;
  }

  /** Names of what was made in a span, has not been left on purpose, and has not ended within its time. */
  left(span: Span): string[] {
    const ends = new Map<string, number>();
    for (const { short, namespace, ended } of this.#things.values())
      if (ended !== undefined && short === `namespaces ${namespace}`) ends.set(namespace, ended);
    return this.#made(span)
      .filter(({ ended = NEVER, namespace }) => {
        const end = Math.min(ended, ends.get(namespace) ?? NEVER);
        return end === NEVER || end > span.until;
      })
      .filter(({ short }) => !span.left.some((pattern) => fits(short, pattern)))
      .map(({ name }) => name);
  }

  #made({ from, to }: Span): Thing[] {
    return [...this.#things.values()].filter(
      ({ name, born }) => born > from && born <= to && this.#isOwn(name),
    );
  }
}

function hasOwner({ ownerReferences = [], annotations = {} }: ObjectMeta): boolean {
  return ownerReferences.length > 0 || annotations['meta.helm.sh/release-name'] !== undefined;
}

/** Made by Kubernetes in every namespace and for every claim, and by helm for each upgrade of a release that was there. */
const UNCOUNTED =
  /^(configmaps kube-root-ca\.crt|serviceaccounts default|persistentvolumes .*|secrets sh\.helm\.release\..*\.v(?!1$)\d+)$/;
