/** `Mcp-Param-*`: which arguments of which tool stand in headers too, and whether a request's headers say the same as its body. */
import { type HeaderAnnotation, readAnnotations } from '../../../channels/header-annotations.ts';
import type { Cancel, Clock } from '../../../clock.ts';
import { BerthError } from '../../../errors.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import type { ClientMessage } from '../../message.ts';
import { nameOf } from '../upgrade/requests.ts';

/** Milliseconds that a list is used when its server says that it may not be kept: a check that fails asks again anyway. */
const SHORTEST_USE = 10_000;
/** Milliseconds that any list is used at most. */
const LONGEST_USE = 10 * 60_000;
/** Milliseconds in which a server must have listed its tools, and the pages that are asked for. */
const LIST_WITHIN = 5_000;
const MOST_PAGES = 50;

/**
 * Sends `tools/list` (with a cursor, from the second page on) and calls back with the parsed result; undefined when there is
 * none. Gives what calls it off.
 */
export type ListTools = (
  cursor: string | undefined,
  done: (result: Record<string, unknown> | undefined) => void,
) => Cancel | undefined;

/** Calls back with why the headers do not fit; with nothing when they do, or when nobody can say. */
export type HeadersChecked = (error?: BerthError) => void;

interface ToolList {
  /** Tools that have such arguments. */
  readonly params: ReadonlyMap<string, readonly HeaderAnnotation[]>;
  readonly names: ReadonlySet<string>;
  /** Clock reading. */
  readonly until: number;
}

export class ToolHeaders {
  readonly #list: ListTools;
  readonly #clock: Clock;
  #tools: ToolList | undefined;
  #asking: ((tools: ToolList | undefined) => void)[] | undefined;
  /** The tools have changed while they were asked for: the answer may be of before. */
  #outdated = false;
  /** Calls the page off that is asked for. */
  #callOff: Cancel | undefined;

  constructor(list: ListTools, clock: Clock) {
    this.#list = list;
    this.#clock = clock;
  }

  /** The server's tools have changed. */
  forget(): void {
    this.#tools = undefined;
    this.#outdated = true;
  }

  check(message: ClientMessage, headers: Readonly<Record<string, string>>, done: HeadersChecked): void {
    const known = this.#tools;
    if (!known || known.until <= this.#clock.now()) return this.#checkAnew(message, headers, done);
    const name = nameOf(message);
    if (name === undefined) return done();
    // A tool or a rule may be newer than the list: nothing is refused for what an old list says.
    if (!known.names.has(name) || mismatch(message, known.params.get(name), headers) !== undefined)
      this.#checkAnew(message, headers, done);
    else done();
  }

  #checkAnew(message: ClientMessage, headers: Readonly<Record<string, string>>, done: HeadersChecked): void {
    this.#fetch((tools) => {
      const text = mismatch(message, tools?.params.get(nameOf(message) ?? ''), headers);
      done(text === undefined ? undefined : new BerthError('header-mismatch', text));
    });
  }

  /** Several that ask at once share one answer. */
  #fetch(done: (tools: ToolList | undefined) => void): void {
    if (this.#asking) {
      this.#asking.push(done);
      return;
    }
    this.#asking = [done];
    this.#outdated = false;
    const over = (tools: ToolList | undefined): void => {
      cancel();
      const asking = this.#asking ?? [];
      this.#asking = undefined;
      if (tools && !this.#outdated) this.#tools = tools;
      for (const one of asking) one(tools);
    };
    const cancel = this.#clock.after(LIST_WITHIN, () => {
      this.#callOff?.();
      over(undefined);
    });
    this.#page(undefined, { tools: [], ttl: LONGEST_USE, pages: 0 }, over);
  }

  #page(cursor: string | undefined, sum: Pages, done: (tools: ToolList | undefined) => void): void {
    this.#callOff = this.#list(cursor, (result) => {
      if (!result || !Array.isArray(result.tools)) return done(undefined);
      const tools = [...sum.tools, ...result.tools];
      const ttl = typeof result.ttlMs === 'number' ? Math.min(sum.ttl, result.ttlMs) : sum.ttl;
      const pages = sum.pages + 1;
      if (typeof result.nextCursor === 'string' && pages < MOST_PAGES)
        return this.#page(result.nextCursor, { tools, ttl, pages }, done);
      const until = this.#clock.now() + Math.max(ttl, SHORTEST_USE);
      done({ ...readTools(tools), until });
    });
  }
}

interface Pages {
  readonly tools: readonly unknown[];
  readonly ttl: number;
  readonly pages: number;
}

function readTools(tools: readonly unknown[]): Omit<ToolList, 'until'> {
  const names = new Set<string>();
  const params = new Map<string, readonly HeaderAnnotation[]>();
  for (const tool of tools) {
    if (!isObject(tool) || typeof tool.name !== 'string') continue;
    names.add(tool.name);
    // Of a tool that breaks the rules no client over HTTP knows which headers are meant: they do not offer it.
    const found = readAnnotations(tool.inputSchema) ?? [];
    if (found.length > 0) params.set(tool.name, found);
  }
  return { names, params };
}

/** The first header that says something else than the body, in words. */
function mismatch(
  { bytes, envelope }: { readonly bytes: Buffer; readonly envelope: Envelope },
  params: readonly HeaderAnnotation[] | undefined,
  headers: Readonly<Record<string, string>>,
): string | undefined {
  if (!params) return undefined;
  const { arguments: given } = JSON.parse(
    bytes.toString('utf8', envelope.paramsStart, envelope.paramsEnd),
  ) as Record<string, unknown>;
  for (const annotation of params) {
    const { path } = annotation;
    const header = annotation.name.toLowerCase();
    const value = path.reduce<unknown>(
      (at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
      given,
    );
    const text = Object.hasOwn(headers, header) ? headers[header] : undefined;
    const name = `Mcp-Param-${header}`;
    if (value === undefined || value === null) {
      if (text !== undefined) return `${name} is there, but the argument ${path.join('.')} is not`;
    } else if (text === undefined) {
      if (isSendable(value)) return `${name} is missing for the argument ${path.join('.')}`;
    } else if (!isSame(value, text)) return `${name} is not what the argument ${path.join('.')} says`;
  }
  return undefined;
}

/** A header repeats texts, booleans, and numbers that keep their value everywhere; for anything else no client can send one. */
function isSendable(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  return typeof value === 'string' || typeof value === 'boolean';
}

/** Integers are compared as numbers, everything else as text. */
function isSame(value: unknown, text: string): boolean {
  if (typeof value === 'number') return /^-?\d+(\.\d+)?$/.test(text) && Number(text) === value;
  if (typeof value === 'boolean') return text === String(value);
  return value === text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
