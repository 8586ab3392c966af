/** An API server in memory, over HTTP: objects, watches, server-side apply, merge patches and the scale subresource, as far as the gateway uses them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject } from '../../../src/cluster/resources.ts';
import { bodyOf, json, StandInApi, status } from '../stand-in-api.ts';

type Json = Record<string, unknown>;
/** As stored: whole and changeable. */
export interface Stored {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [member: string]: unknown;
  };
  spec: Json;
  status?: Json;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Json | undefined;
}

const KINDS: Readonly<Record<string, readonly [apiVersion: string, kind: string]>> = {
  pods: ['v1', 'Pod'],
  services: ['v1', 'Service'],
  deployments: ['apps/v1', 'Deployment'],
  configmaps: ['v1', 'ConfigMap'],
  events: ['events.k8s.io/v1', 'Event'],
  mcpservers: ['berth.dev/v1alpha1', 'MCPServer'],
};
const PATH = /^\/apis?\/(?:[^/]+\/)?[^/]+\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

export class MemoryCluster {
  readonly api: StandInApi;
  /** Writes, in order. */
  readonly writes: Request[] = [];
  /** Reads, in order. */
  readonly reads: Request[] = [];
  /** Takes the place of an answer; true when it answered. */
  intercept: (request: Request, response: ServerResponse) => boolean = () => false;
  readonly #objects = new Map<string, Stored>();
  readonly #watches = new Set<{ plural: string; selector: string; response: ServerResponse }>();
  /** Fields that each manager applied, by object. */
  readonly #applied = new Map<string, Json>();
  #version = 100;
  #uids = 0;
  /** What watches have not been told yet; undefined while they are told everything at once. */
  #held: (() => void)[] | undefined;

  private constructor(api: StandInApi) {
    this.api = api;
    api.answer = (request, response) => void this.#answer(request, response);
  }

  static async start(): Promise<MemoryCluster> {
    return new MemoryCluster(await StandInApi.start());
  }

  /** Makes or replaces an object, as somebody else would. */
  put(plural: string, object: Partial<KubeObject> & { spec?: object; status?: object }): Stored {
    const { name = '', namespace = 'demo' } = object.metadata ?? {};
    const before = this.get(plural, name);
    const [apiVersion, kind] = KINDS[plural] ?? ['v1', 'Thing'];
    const spec = (object.spec ?? before?.spec ?? {}) as Json;
    const { metadata: _metadata, spec: _spec, status: _status, ...others } = object;
    const stored: Stored = {
      apiVersion,
      kind,
      ...others,
      ...((object.status ?? before?.status) && { status: (object.status ?? before?.status) as Json }),
      spec,
      metadata: {
        ...before?.metadata,
        ...object.metadata,
        name,
        namespace,
        uid: object.metadata?.uid ?? before?.metadata.uid ?? `uid-${++this.#uids}`,
        generation: (before?.metadata.generation ?? 0) + (same(spec, before?.spec) ? 0 : 1),
        resourceVersion: String(++this.#version),
      } as Stored['metadata'],
    };
    this.#objects.set(`${plural}/${name}`, stored);
    this.#tell(plural, before ? 'MODIFIED' : 'ADDED', stored);
    return stored;
  }

  get(plural: string, name: string): Stored | undefined {
    return this.#objects.get(`${plural}/${name}`);
  }

  remove(plural: string, name: string): void {
    const object = this.get(plural, name);
    if (!object) return;
    this.#objects.delete(`${plural}/${name}`);
    object.metadata.resourceVersion = String(++this.#version);
    this.#tell(plural, 'DELETED', object);
  }

  /** Writes a status that is about the newest generation, as a controller does. */
  observe(plural: string, name: string, about: object): void {
    const object = this.get(plural, name);
    if (!object) throw new Error(`there is no ${plural} ${name}`);
    this.put(plural, {
      ...(object as unknown as KubeObject),
      status: { observedGeneration: object.metadata.generation, ...about },
    });
  }

  /** Watches lag behind from now on. */
  hold(): void {
    this.#held ??= [];
  }

  /** They catch up. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  /** Methods and paths of writes, short. */
  get written(): string[] {
    return this.writes.map(({ method, path, query }) => {
      const dry = query.has('dryRun') ? ' dry' : '';
      return `${method} ${path.replace(/^.*namespaces\/demo\//, '')}${dry}`;
    });
  }

  async close(): Promise<void> {
    await this.api.close();
  }

  async #answer(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(raw.url ?? '', 'http://x');
    const text = await bodyOf(raw);
    const body = text === '' ? undefined : (JSON.parse(text) as Json);
    const request = { method: raw.method ?? '', path: url.pathname, query: url.searchParams, body };
    (request.method === 'GET' ? this.reads : this.writes).push(request);
    if (this.intercept(request, response)) return;
    const [, , plural = '', name, part] = PATH.exec(url.pathname) ?? [];
    if (name === undefined) return this.#many(plural, request, response);
    const object = this.get(plural, name);
    const applies = raw.headers['content-type'] === 'application/apply-patch+yaml';
    if (applies) return this.#apply(plural, request, response);
    if (!object) return status(response, 404, 'NotFound', `${plural} "${name}" not found`);
    if (part === 'log')
      return void response.end(this.logs.get(`${name}/${url.searchParams.get('container')}`));
    if (request.method === 'GET') return json(response, 200, object);
    if (request.method === 'DELETE') return this.#delete(plural, object, request, response);
    const expected = (body?.metadata as Json | undefined)?.resourceVersion;
    if (expected !== undefined && expected !== object.metadata.resourceVersion)
      return status(response, 409, 'Conflict', 'the object has been modified');
    const patch = part === 'scale' ? { spec: body?.spec } : body;
    json(response, 200, this.put(plural, merge(object as unknown as Json, patch ?? {}) as never));
  }

  /** Log texts by `pod/container`. */
  readonly logs = new Map<string, string>();

  #many(plural: string, { query }: Request, response: ServerResponse): void {
    const selector = query.get('labelSelector') ?? '';
    if (!query.has('watch')) {
      const items = [...this.#objects.entries()]
        .filter(([key, object]) => key.startsWith(`${plural}/`) && selects(selector, object))
        .map(([, object]) => object);
      return json(response, 200, { metadata: { resourceVersion: String(this.#version) }, items });
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const watch = { plural, selector, response };
    this.#watches.add(watch);
    response.once('close', () => this.#watches.delete(watch));
    const from = Number(query.get('resourceVersion'));
    const catchUp = (): void => {
      for (const [key, object] of this.#objects)
        if (
          key.startsWith(`${plural}/`) &&
          Number(object.metadata.resourceVersion) > from &&
          selects(selector, object)
        )
          response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
    };
    if (this.#held) this.#held.push(catchUp);
    else catchUp();
  }

  /** A manager owns what it applied: what it leaves out the next time goes away. */
  #apply(plural: string, { query, body, path }: Request, response: ServerResponse): void {
    const name = path.split('/').at(-1) ?? '';
    const manager = `${plural}/${name}/${query.get('fieldManager')}`;
    const before = this.get(plural, name);
    const wanted = (body?.spec ?? {}) as Json;
    const owned = this.#applied.get(manager) ?? {};
    const kept = Object.entries(before?.spec ?? {}).filter(([key]) => !(key in owned) || key in wanted);
    const spec = { replicas: 1, ...Object.fromEntries(kept), ...wanted };
    const metadata = merge((before?.metadata ?? {}) as Json, (body?.metadata ?? {}) as Json);
    if (query.has('dryRun')) return json(response, 200, { ...before, ...body, metadata, spec });
    this.#applied.set(manager, wanted);
    json(response, before ? 200 : 201, this.put(plural, { ...(body as object), metadata, spec } as never));
  }

  #delete(plural: string, object: Stored, { body }: Request, response: ServerResponse): void {
    const { uid, resourceVersion } = (body?.preconditions ?? {}) as Json;
    if (uid !== undefined && uid !== object.metadata.uid)
      return status(response, 409, 'Conflict', 'the uid does not match');
    if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion)
      return status(response, 409, 'Conflict', 'the resourceVersion does not match');
    this.remove(plural, object.metadata.name);
    json(response, 200, object);
  }

  #tell(plural: string, type: string, object: Stored): void {
    if (this.#held) {
      this.#held.push(() => this.#tell(plural, type, object));
      return;
    }
    for (const watch of this.#watches)
      if (watch.plural === plural && selects(watch.selector, object))
        watch.response.write(`${JSON.stringify({ type, object })}\n`);
  }
}

function selects(selector: string, { metadata: { labels = {} } }: Stored): boolean {
  return selector.split(',').every((term) => {
    const [key = '', value] = term.split('=');
    return key === '' || (value === undefined ? key in labels : labels[key] === value);
  });
}

function merge(target: Json, patch: Json): Json {
  const merged: Json = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value === null) delete merged[key];
    else merged[key] = isObject ? merge((merged[key] ?? {}) as Json, value as Json) : value;
  }
  return merged;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
