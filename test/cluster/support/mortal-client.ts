/** A client of the API whose program dies at a chosen write: the write is done, its answer is never seen, and nothing follows. */
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { LEASES, type Resource } from '../../../src/cluster/resources.ts';

export interface Death {
  /** Counted are writes whose object or target has this in its name. */
  readonly about: string;
  /** After so many of them. */
  readonly after: number;
}

export class MortalClient extends ApiClient {
  death: Death | undefined;
  /** Resources of the counted writes, in their order. */
  readonly writes: string[] = [];
  readonly #died = Promise.withResolvers<void>();
  #dead = false;

  get dead(): boolean {
    return this.#dead;
  }

  get died(): Promise<void> {
    return this.#died.promise;
  }

  override create: ApiClient['create'] = (kind, object, options) =>
    this.#write(kind, object.metadata.name, () => super.create(kind, object, options));

  override replace: ApiClient['replace'] = (kind, object, options) =>
    this.#write(kind, object.metadata.name, () => super.replace(kind, object, options));

  override patch: ApiClient['patch'] = (kind, target, options) =>
    this.#write(kind, target.name, () => super.patch(kind, target, options));

  override apply: ApiClient['apply'] = (kind, object, options) =>
    this.#write(kind, object.metadata.name, () => super.apply(kind, object, options));

  override remove: ApiClient['remove'] = (kind, target, options) =>
    this.#write(kind, target.name, () => super.remove(kind, target, options));

  async #write<T>(kind: Resource, name: string | undefined, write: () => Promise<T>): Promise<T> {
    if (this.#dead) throw new Error('this program is dead');
    const done = await write();
    const { death } = this;
    if (kind === LEASES || !death || !name?.includes(death.about)) return done;
    this.writes.push(kind.plural);
    if (this.writes.length < death.after) return done;
    this.#dead = true;
    this.#died.resolve();
    // Ends its watches too.
    this.close();
    throw new Error('this program is dead');
  }
}
