/** Holds every answer of an API against its own document: status, media type, headers, and the body down to its last member. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { documentOf } from '../../src/api/document.ts';
import type { Api } from '../../src/api/route.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document is looked at member by member
export type Json = Record<string, any>;

const STREAMS = ['application/x-ndjson', 'text/event-stream'];
const SCOPE = /^\/(api|v0\.1)\//;

export interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operation: Json;
}

/** Every answer of `api` from now on rejects when it is not in the document. */
export function underContract<T extends Api>(api: T): T {
  const contract = contractOf(documentOf(api) as unknown as Json);
  const fetch = api.fetch.bind(api);
  api.fetch = async (request, ...more) => contract.check(request, await fetch(request, ...more));
  return api;
}

/** By document: most APIs of a file of tests have the same, and to compile its schemas takes longer than most tests do. */
const contracts = new Map<string, Contract>();

function contractOf(document: Json): Contract {
  const key = JSON.stringify(document);
  const known = contracts.get(key) ?? new Contract(document);
  contracts.set(key, known);
  return known;
}

export function operationsOf(document: Json): Operation[] {
  return Object.entries(document.paths as Json).flatMap(([path, item]) =>
    Object.entries(item as Json).map(([method, operation]) => ({ path, method, operation })),
  );
}

export class Contract {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #operations: readonly (Operation & { readonly pattern: RegExp })[];

  constructor(document: Json) {
    formats.default(this.#ajv);
    // Known to the document and not to this validator.
    for (const format of ['ipv4-cidr', 'ipv6-cidr']) this.#ajv.addFormat(format, true);
    this.#ajv.addSchema({ $id: 'api', ...(closed(document) as object) });
    this.#operations = operationsOf(document)
      .map((one) => ({ ...one, pattern: patternOf(one.path) }))
      // The more of a path is fixed, the better it fits.
      .sort((a, b) => fixedOf(b.path) - fixedOf(a.path));
  }

  async check(request: Request, response: Response): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (!SCOPE.test(pathname)) return response;
    const { method } = request;
    const found = this.#operations.find(
      (one) =>
        one.pattern.test(pathname) && one.method === (method === 'HEAD' ? 'get' : method.toLowerCase()),
    );
    const what = `${method} ${pathname} answered ${response.status}`;
    if (!found) return unknownPath(what, response);
    const answer = found.operation.responses[response.status];
    if (!answer) throw new Error(`${what}, which is not in the document: ${await response.text()}`);
    // The name of a request outside the API is given by what is in front of the app.
    const named = Object.keys(answer.headers ?? {}).filter(
      (name) => name !== 'X-Request-ID' || pathname.startsWith('/api/'),
    );
    const missing = named.filter((name) => response.headers.get(name) === null);
    if (missing.length > 0) throw new Error(`${what} without ${missing.join(', ')}`);
    if (!answer.content || method === 'HEAD') {
      if (method !== 'HEAD' && (await response.clone().text()) !== '') throw new Error(`${what} with a body`);
      return response;
    }
    return this.#checkBody(what, response, { ...found, content: answer.content });
  }

  async #checkBody(
    what: string,
    response: Response,
    { path, method, content }: Operation & { readonly content: Json },
  ): Promise<Response> {
    const type = (response.headers.get('Content-Type') ?? '').split(';', 1)[0] ?? '';
    if (!content[type]) throw new Error(`${what} as ${type || 'nothing'}, which is not in the document`);
    const item = content[type]['x-item-schema'];
    if (item) return checkedStream(response, type, (value) => this.#validate(what, `api${item.$ref}`, value));
    const text = await response.text();
    const pointer = ['paths', path, method, 'responses', String(response.status), 'content', type, 'schema'];
    this.#validate(what, `api#/${pointer.map(toPart).join('/')}`, JSON.parse(text));
    return new Response(text, response);
  }

  #validate(what: string, reference: string, value: unknown): void {
    const validate = this.#ajv.getSchema(reference);
    if (!validate) throw new Error(`there is no schema ${reference}`);
    if (validate(value)) return;
    throw new Error(`${what} with what is not in the document: ${JSON.stringify(validate.errors)}`);
  }
}

/** What there is no operation for is refused, as everything else is. */
function unknownPath(what: string, response: Response): Response {
  const type = response.headers.get('Content-Type');
  const known = [404, 405, 501, 400, 403, 415].includes(response.status);
  if (known && (type === 'application/problem+json' || type?.startsWith('application/json'))) return response;
  throw new Error(`${what} as ${type} on a path that is not in the document`);
}

/** Passes a stream on, one read for each read, and looks at what is in it. */
function checkedStream(response: Response, type: string, check: (value: unknown) => void): Response {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  const look = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const data = type === STREAMS[1] ? /^data: (.*)$/.exec(line)?.[1] : line;
      if (data) check(JSON.parse(data));
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) return controller.close();
        look(decoder.decode(value, { stream: true }));
        controller.enqueue(value);
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}

/** The document with nothing left open: a member that it does not name is a fault of the answer, or of the document. */
function closed(value: unknown, inParts = false): unknown {
  if (Array.isArray(value)) return value.map((one) => closed(one, inParts));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, closed(member, name === 'allOf')]),
  );
  const isOpen = 'properties' in members && members.type === 'object' && !('additionalProperties' in members);
  return isOpen && !inParts ? { ...members, additionalProperties: false } : members;
}

function patternOf(path: string): RegExp {
  const parts = path
    .split('/')
    .map((part) => (/^\{\w+\}$/.test(part) ? PARAMETER : part.replace(/\./g, '\\.')));
  // The only name that may have a slash.
  const text = parts
    .join('/')
    .replace(`packages/${PARAMETER}/${PARAMETER}`, `packages/${PARAMETER}/${PACKAGE}`);
  return new RegExp(`^${text}$`);
}

const PARAMETER = '[^/]+';
const PACKAGE = '(?:(?:@|%40)[^/]+/)?[^/]+';

function fixedOf(path: string): number {
  return path.split('/').filter((part) => !part.startsWith('{')).length;
}

function toPart(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}
