/** One round of a mirror: page by page through the list of a registry, all of it or what has changed. */
import { BerthError, toBerthError } from '../../errors.ts';
import { registryFailure } from '../../packages/registry-get.ts';
import type { Found } from '../found.ts';
import type { RegistryItem, RegistryPage } from '../registry-items.ts';
import type { MirrorEntry, MirrorFile, Round } from './mirror-file.ts';

/** What a registry answered to the question for a page. */
export interface AnsweredPage extends RegistryPage {
  /** Milliseconds since 1970 by the clock of the registry. */
  readonly date: number;
}

export interface SyncInput {
  readonly file: MirrorFile;
  /** What the registry is called in messages. */
  readonly label: string;
  /** Undefined when the registry has no such list. Rejects with `registry-failed`. */
  readonly ask: (query: URLSearchParams, signal: AbortSignal) => Promise<AnsweredPage | undefined>;
  /** Everything, although there is a copy. */
  readonly full: boolean;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onProgress: (progress: SyncProgress) => void;
}

export type SyncProgress =
  | { readonly type: 'page'; readonly pages: number; readonly servers: number }
  | { readonly type: 'waiting'; readonly seconds: number; readonly why: string };

export interface SyncResult {
  readonly kind: 'full' | 'changes';
  /** It went on with a round that had broken off. */
  readonly resumed: boolean;
  readonly pages: number;
  /** New or changed servers. */
  readonly changed: number;
  /** Servers that were there and are no more. */
  readonly removed: number;
  readonly total: number;
}

const PAGE_SIZE = 100;
export const MOST_PAGES = 5_000;
export const MOST_SERVERS = 200_000;
const MOST_TRIES = 5;
const FIRST_WAIT_MS = 1_000;
/** Seconds that are waited when a registry asks for it; for a longer pause the round is left for later. */
const LONGEST_WAIT_S = 120;
/** Clocks of several machines behind one address differ a little. */
const OVERLAP_MS = 10_000;
/** What may be better at the next try. */
const PASSING: ReadonlySet<unknown> = new Set(['busy', 'slow', 'truncated', 'down', 'malformed']);

/**
 * Rejects with `registry-failed`, or with the reason of the signal; what has come stays, and the next round goes on there.
 */
export async function syncRegistry(input: SyncInput): Promise<SyncResult> {
  const { file, full } = input;
  const { copy, round } = await file.state();
  const since = full ? undefined : copy?.since;
  // A round for everything serves whoever wants the changes; not the other way round.
  const resumed =
    round !== undefined && round.pages > 0 && (round.since === since || round.since === undefined);
  try {
    return await run(input, resumed ? round : await begin(input, since), resumed);
  } catch (thrown) {
    if (!resumed || !isLostCursor(thrown)) throw thrown;
    // Cursors do not live for ever.
    await file.abandon(round);
    return await run(input, await begin(input, since), false);
  }
}

async function begin({ file, now }: SyncInput, since: string | undefined): Promise<Round> {
  const at = now();
  return await file.begin({ at, startedAt: stamp(at), ...(since !== undefined && { since }) });
}

async function run(input: SyncInput, begun: Round, resumed: boolean): Promise<SyncResult> {
  const seen = new Set<string>();
  let round = begun;
  let servers = 0;
  for (let asked = 0; asked === 0 || round.cursor !== undefined; asked++) {
    if (round.pages >= MOST_PAGES) throw tooLarge(input.label, `${MOST_PAGES} pages`);
    const page = await askPage(input, round);
    if (page.nextCursor !== undefined && seen.has(page.nextCursor))
      throw registryFailure(input.label, 'malformed', 'leads from page to page in a circle');
    if (page.nextCursor !== undefined) seen.add(page.nextCursor);
    if (round.pages === 0) round = { ...round, startedAt: stamp(page.date - OVERLAP_MS) };
    round = await input.file.add(round, page.items.flatMap(toEntry), page.nextCursor);
    servers += page.items.length;
    input.onProgress({ type: 'page', pages: round.pages, servers });
  }
  return await conclude(input, round, resumed);
}

async function conclude({ file, label }: SyncInput, round: Round, resumed: boolean): Promise<SyncResult> {
  const { copy } = await file.state();
  const before = new Map<string, Found>();
  // A copy that was damaged is made anew by a round for everything.
  if (copy) await file.readInto(before, copy.file).catch(() => before.clear());
  const after = new Map<string, Found>(round.since === undefined ? [] : before);
  await file.readInto(after, round.file, round.bytes);
  if (after.size > MOST_SERVERS) throw tooLarge(label, `${MOST_SERVERS} servers`);
  const changed = [...after].filter(([name, found]) => !isSame(found, before.get(name))).length;
  const removed = [...before.keys()].filter((name) => !after.has(name)).length;
  await file.finish(round, after);
  const kind = round.since === undefined ? 'full' : 'changes';
  return { kind, resumed, pages: round.pages, changed, removed, total: after.size };
}

async function askPage(input: SyncInput, round: Round): Promise<AnsweredPage> {
  const query = new URLSearchParams({ version: 'latest', limit: String(PAGE_SIZE) });
  if (round.cursor !== undefined) query.set('cursor', round.cursor);
  if (round.since !== undefined) {
    query.set('updated_since', round.since);
    query.set('include_deleted', 'true');
  }
  const page = await withPatience(input, () => input.ask(query, input.signal));
  if (page) return page;
  throw registryFailure(input.label, 'status', 'has no /v0.1/servers');
}

async function withPatience<T>(input: SyncInput, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (thrown) {
      input.signal.throwIfAborted();
      const error = toBerthError(thrown);
      const seconds = waitOf(error, tries);
      if (seconds === undefined || seconds > LONGEST_WAIT_S || tries >= MOST_TRIES) throw error;
      input.onProgress({ type: 'waiting', seconds, why: error.message });
      await input.wait(seconds * 1_000, input.signal);
    }
  }
}

/** Seconds until the next try; undefined when another one would change nothing. */
function waitOf({ details }: BerthError, tries: number): number | undefined {
  const { reason, retryAfterSeconds, status } = details.data ?? {};
  if (!PASSING.has(reason) && !(typeof status === 'number' && status >= 500)) return undefined;
  if (typeof retryAfterSeconds === 'number') return Math.max(1, retryAfterSeconds);
  return (FIRST_WAIT_MS * 2 ** (tries - 1)) / 1_000;
}

/** An answer that the registry gives to a cursor that it no longer knows. */
function isLostCursor(thrown: unknown): boolean {
  const status = thrown instanceof BerthError ? thrown.details.data?.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500;
}

/** A server that can no longer be run from here is gone from the mirror as a deleted one is. */
function toEntry({ name, deleted, latest, found }: RegistryItem): MirrorEntry[] {
  if (!latest) return [];
  return deleted || !found ? [{ name }] : [{ name, found }];
}

function isSame(a: Found, b: Found | undefined): boolean {
  return b !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function tooLarge(label: string, what: string): BerthError {
  return registryFailure(label, 'too-large', `has more than ${what}, which is more than is mirrored`);
}
