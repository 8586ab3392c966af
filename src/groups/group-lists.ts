/** What the servers of a group offer, as one list, and which of them a name or URI belongs to. */
import { LRUCache } from 'lru-cache';
import { BerthError, toBerthError } from '../errors.ts';
import type { CallPrincipal, Offer, ServerCalls } from '../servers/server-calls.ts';
import { NameTable, prefixOf } from './exposed-names.ts';
import { type GroupMember, showsTool } from './group-spec.ts';
import type { Group } from './groups.ts';

type Json = Readonly<Record<string, unknown>>;

/** Who asks of which group. */
export interface GroupCall {
  readonly group: Group;
  readonly caller: CallPrincipal;
  /** What the client can be asked: it decides which process of a server serves it. */
  readonly capabilities?: Json;
  readonly signal: AbortSignal;
}

interface Owned {
  readonly member: GroupMember;
  /** Its name or URI in the server's own words. */
  readonly own: string;
  readonly entry: Json;
}

/** A server that did not answer, and why. */
export interface Silent {
  readonly server: string;
  readonly error: BerthError;
}

export interface Listing {
  /** In the order of the group, each under the name that the group shows. */
  readonly entries: readonly Json[];
  readonly silent: readonly Silent[];
  readonly owners: ReadonlyMap<string, Target>;
}

/** Where a call goes. */
export interface Target {
  readonly server: string;
  readonly own: string;
}

/** Milliseconds that one server gets for one list: the others must not wait for it. */
const LIST_MS = 15_000;
/** Names that are kept to find owners by, of all listings together, and for how long. */
const MOST_KEPT = 200_000;
const KEPT_MS = 5 * 60_000;

const KEY_MEMBER = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  'resource-templates': 'uriTemplate',
} as const satisfies Record<Offer, string>;

export class GroupLists {
  readonly #calls: ServerCalls;
  /** By listing, whose each name is. */
  readonly #kept = new LRUCache<string, ReadonlyMap<string, Target>>({
    maxSize: MOST_KEPT,
    sizeCalculation: ({ size }) => size + 1,
    ttl: KEPT_MS,
  });

  constructor(calls: ServerCalls) {
    this.#calls = calls;
  }

  /** Asks all servers at once; one that fails or is late is named, and the others' entries come all the same. */
  async list(offer: Offer, call: GroupCall): Promise<Listing> {
    const { servers } = call.group.spec;
    const answers = await Promise.all(servers.map((member) => this.#ask(offer, member, call)));
    call.signal.throwIfAborted();
    const silent = answers.flatMap((answer) => ('error' in answer ? [answer] : []));
    const owned = answers.flatMap((answer) => ('owned' in answer ? answer.owned : []));
    const listing = offer === 'tools' || offer === 'prompts' ? named(owned, silent) : located(owned, silent);
    this.#kept.set(keyOf(offer, call), listing.owners);
    return listing;
  }

  /** Throws `invalid-params` for a name that the group does not show, and the reason of its server when that is down. */
  async target(offer: 'tools' | 'prompts', name: string, call: GroupCall): Promise<Target> {
    const known = this.#kept.get(keyOf(offer, call))?.get(name);
    if (known) return known;
    const { owners, silent } = await this.list(offer, call);
    const found = owners.get(name);
    if (found) return found;
    throw silentOwner(name, silent, call) ?? unknown(offer, name, call);
  }

  /** Servers to ask for a resource, the most likely first. */
  async readers(uri: string, call: GroupCall): Promise<string[]> {
    const known = this.#kept.get(keyOf('resources', call))?.get(uri);
    if (known) return [known.server];
    const [resources, templates] = await Promise.all([
      this.list('resources', call),
      this.list('resource-templates', call),
    ]);
    const listed = resources.owners.get(uri);
    if (listed) return [listed.server];
    const fitting = new Set(
      [...templates.owners].flatMap(([pattern, { server }]) => (mayFit(uri, pattern) ? [server] : [])),
    );
    const servers = call.group.spec.servers.map(({ server }) => server);
    return [...servers.filter((one) => fitting.has(one)), ...servers.filter((one) => !fitting.has(one))];
  }

  /** The server of a template of resources. */
  async ofTemplate(pattern: string, call: GroupCall): Promise<string | undefined> {
    const kept = this.#kept.get(keyOf('resource-templates', call))?.get(pattern);
    const found = kept ?? (await this.list('resource-templates', call)).owners.get(pattern);
    return found?.server;
  }

  async #ask(
    offer: Offer,
    member: GroupMember,
    { caller, capabilities, signal }: GroupCall,
  ): Promise<{ readonly owned: Owned[] } | Silent> {
    const { server } = member;
    const late = AbortSignal.timeout(LIST_MS);
    try {
      const context = {
        ...{ server, caller, signal: AbortSignal.any([signal, late]) },
        ...(capabilities && { capabilities }),
      };
      const entries = await this.#calls.list(offer, context);
      const owned = entries.flatMap((entry) => {
        const own = entry[KEY_MEMBER[offer]];
        return typeof own === 'string' ? [{ member, own, entry }] : [];
      });
      return { owned: offer === 'tools' ? owned.filter(({ own }) => showsTool(member, own)) : owned };
    } catch (thrown) {
      const error = late.aborted
        ? new BerthError('request-timeout', `${server} did not answer within ${LIST_MS / 1_000} s`)
        : toBerthError(thrown);
      return { server, error };
    }
  }
}

function named(owned: readonly Owned[], silent: readonly Silent[]): Listing {
  const names = new NameTable();
  const owners = new Map<string, Target>();
  const entries = owned.map(({ member, own, entry }) => {
    const name = names.add(member, own);
    owners.set(name, { server: member.server, own });
    return { ...entry, name };
  });
  return { entries, silent, owners };
}

/** URIs stay as they are, because answers name them: of two that are alike the first one's counts. */
function located(owned: readonly Owned[], silent: readonly Silent[]): Listing {
  const owners = new Map<string, Target>();
  const first = owned.filter(({ member: { server }, own }) => {
    if (owners.has(own)) return false;
    owners.set(own, { server, own });
    return true;
  });
  return { entries: first.map(({ entry }) => entry), silent, owners };
}

function keyOf(offer: Offer, { group, caller, capabilities }: GroupCall): string {
  return JSON.stringify([offer, group.spec.name, group.updatedAt, caller.id, capabilities]);
}

/** The reason of a silent server that the name may belong to. */
function silentOwner(name: string, silent: readonly Silent[], { group }: GroupCall): BerthError | undefined {
  const found = silent.find(({ server }) => {
    const member = group.spec.servers.find((one) => one.server === server);
    return member !== undefined && name.startsWith(prefixOf(member));
  });
  if (!found) return undefined;
  const { server, error } = found;
  return new BerthError(error.code, `the server ${server} of the group cannot be called: ${error.message}`, {
    ...error.details,
    hint: error.hint,
  });
}

function unknown(offer: 'tools' | 'prompts', name: string, { group }: GroupCall): BerthError {
  const what = offer === 'tools' ? 'tool' : 'prompt';
  return new BerthError(
    'invalid-params',
    `the group ${group.spec.name} has no ${what} ${JSON.stringify(name.slice(0, 200))}`,
    {
      hint: `List what it has with ${offer}/list.`,
    },
  );
}

/** The text before the first expression of a URI template, and that after the last one. */
function mayFit(uri: string, pattern: string): boolean {
  const first = pattern.indexOf('{');
  const last = pattern.lastIndexOf('}');
  if (first < 0) return uri === pattern;
  return uri.startsWith(pattern.slice(0, first)) && uri.endsWith(pattern.slice(last + 1));
}
