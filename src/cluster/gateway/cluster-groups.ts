/**
 * Groups of servers in a ConfigMap that the chart makes and all gateways write: a member for each group. What one has changed the others
 * see by their watch.
 */
import { BerthError, toBerthError } from '../../errors.ts';
import { type GroupSpec, parseGroup } from '../../groups/group-spec.ts';
import { byName, checkRoom, type Group, type GroupDirectory, groupIn } from '../../groups/groups.ts';
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import { createReflector, type Reflector } from '../reflector.ts';
import { CONFIG_MAPS, type KubeObject, type ObjectName } from '../resources.ts';

export interface ClusterGroupsOptions {
  readonly client: Pick<ApiClient, 'get' | 'list' | 'watch' | 'patch'>;
  /** Of the ConfigMap. */
  readonly target: ObjectName;
  /** Told of a group that cannot be read, and of a watch that failed; it goes on by itself. */
  readonly onFault: (error: BerthError) => void;
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What a change comes to: members to write, null for one to take away. */
type Patch = Readonly<Record<string, string | null>>;

/** Tries of a change while others change the same object. */
const MOST_TRIES = 10;

export class ClusterGroups implements GroupDirectory {
  readonly #options: ClusterGroupsOptions;
  readonly #reflector: Reflector<ConfigMap>;
  readonly #listeners = new Set<(name: string) => void>();
  /** By name, as the newest object says that was seen. */
  #groups: ReadonlyMap<string, Group> = new Map();
  #data: Readonly<Record<string, string>> = {};
  #version = 0;
  #isSynced = false;

  constructor(options: ClusterGroupsOptions) {
    this.#options = options;
    const { client, target, onFault } = options;
    const take = (object: ConfigMap): void => this.#take(object);
    this.#reflector = createReflector<ConfigMap>({
      client,
      resource: CONFIG_MAPS,
      selection: { namespace: target.namespace, fieldSelector: `metadata.name=${target.name}` },
      handler: { added: take, modified: take, deleted: () => this.#replace({}) },
      onFault,
    });
    this.#reflector.synced.then(
      () => {
        this.#isSynced = true;
      },
      () => {},
    );
  }

  async create(spec: GroupSpec): Promise<Group> {
    const now = Date.now();
    const group = { spec, createdAt: now, updatedAt: now };
    await this.#change((groups) => {
      checkRoom(groups, spec);
      return { [spec.name]: toText(group) };
    });
    return group;
  }

  async put(spec: GroupSpec): Promise<{ group: Group; created: boolean }> {
    const updatedAt = Date.now();
    let outcome = { group: { spec, createdAt: updatedAt, updatedAt }, created: true };
    await this.#change((groups) => {
      const before = groups.get(spec.name);
      if (!before) checkRoom(groups, spec);
      const createdAt = before?.createdAt ?? updatedAt;
      outcome = { group: { spec, createdAt, updatedAt }, created: before === undefined };
      return { [spec.name]: toText(outcome.group) };
    });
    return outcome;
  }

  async remove(name: string): Promise<void> {
    await this.#change((groups) => {
      groupIn(groups, name);
      return { [name]: null };
    });
  }

  get(name: string): Group {
    return groupIn(this.#seen(), name);
  }

  find(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  list(): Group[] {
    return byName(this.#seen());
  }

  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#reflector.close();
  }

  /** No group is missing only because nothing has been listed yet. */
  #seen(): ReadonlyMap<string, Group> {
    if (this.#isSynced) return this.#groups;
    throw new BerthError('busy', 'the gateway has not seen the cluster yet');
  }

  /** `decide` is asked with what is there, once more when that has changed meanwhile; what it throws ends the change. */
  async #change(decide: (groups: ReadonlyMap<string, Group>) => Patch): Promise<void> {
    const { client, target } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const object = await client.get<ConfigMap>(CONFIG_MAPS, target);
      if (!object) throw gone(target);
      const data = decide(this.#read(object.data ?? {}));
      const { resourceVersion } = object.metadata;
      try {
        const patch = { metadata: { resourceVersion }, data };
        this.#take(await client.patch<ConfigMap>(CONFIG_MAPS, target, { patch }));
        return;
      } catch (thrown) {
        const { code = 0 } = apiStatusOf(thrown) ?? {};
        if (code === 413 || code === 422)
          throw new BerthError('limit-reached', 'the groups have become too large to be kept', {
            cause: thrown,
            hint: 'Remove some, or shorten their instructions and lists of tools.',
          });
        if (code !== 409 || attempt === MOST_TRIES) throw thrown;
      }
    }
  }

  /** A watch may tell of something older than what this gateway has written. */
  #take({ data = {}, metadata: { resourceVersion } }: ConfigMap): void {
    const version = Number(resourceVersion);
    if (version < this.#version) return;
    this.#version = version;
    this.#replace(data);
  }

  #replace(data: Readonly<Record<string, string>>): void {
    const before = this.#data;
    if (data === before) return;
    this.#data = data;
    this.#groups = this.#read(data);
    const changed = new Set([...Object.keys(before), ...Object.keys(data)]);
    for (const name of changed)
      if (before[name] !== data[name]) for (const listener of this.#listeners) listener(name);
  }

  #read(data: Readonly<Record<string, string>>): ReadonlyMap<string, Group> {
    return new Map(
      Object.entries(data).flatMap(([name, text]): [string, Group][] => {
        try {
          return [[name, fromText(name, text)]];
        } catch (thrown) {
          const { message, code } = toBerthError(thrown);
          this.#options.onFault(new BerthError(code, `the group ${name} was left out: ${message}`));
          return [];
        }
      }),
    );
  }
}

function toText(group: Group): string {
  return JSON.stringify(group);
}

/** Anybody with the right may have written it. Throws `bad-input`. */
function fromText(name: string, text: string): Group {
  const { spec, createdAt, updatedAt } = parse(text);
  const group = parseGroup(spec);
  if (group.name !== name) throw new BerthError('bad-input', `it is called ${group.name}`);
  const time = (given: unknown): number => (Number.isSafeInteger(given) ? Number(given) : 0);
  return { spec: group, createdAt: time(createdAt), updatedAt: time(updatedAt) };
}

function parse(text: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as object) };
  } catch (cause) {
    throw new BerthError('bad-input', 'it is no JSON', { cause });
  }
}

function gone({ namespace, name }: ObjectName): BerthError {
  return new BerthError(
    'not-allowed',
    `there is no ConfigMap ${namespace}/${name}, in which groups are kept`,
    {
      hint: 'The chart makes it: helm upgrade.',
    },
  );
}
