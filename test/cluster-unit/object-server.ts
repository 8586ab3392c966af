/** The part of an API server that lists and watches one kind of object, with all that can go wrong on the way. */
import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../../src/cluster/resources.ts';
import { json, StandInApi, status } from './stand-in-api.ts';

export class ObjectServer {
  readonly api: StandInApi;
  readonly objects = new Map<string, KubeObject>();
  /** Queries of lists and watches, in order. */
  readonly lists: URLSearchParams[] = [];
  readonly watches: URLSearchParams[] = [];
  /** Watches that are open. */
  readonly open: ServerResponse[] = [];
  version = 100;
  /** Takes the place of a list or a watch; true when it answered. */
  onList: (response: ServerResponse, query: URLSearchParams) => boolean = () => false;
  onWatch: (response: ServerResponse, query: URLSearchParams) => boolean = () => false;
  readonly #history: { readonly version: number; readonly text: string }[] = [];
  /** Events before this version are forgotten. */
  oldest = 0;

  private constructor(api: StandInApi) {
    this.api = api;
    api.answer = (request, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams;
      if (query.has('watch')) this.#watch(response, query);
      else this.#list(response, query);
    };
  }

  static async start(): Promise<ObjectServer> {
    return new ObjectServer(await StandInApi.start());
  }

  /** Makes or changes an object. */
  put(name: string, fields: object = {}, uid = `uid-${name}`): void {
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    const resourceVersion = String(++this.version);
    const object = { metadata: { name, namespace: 'demo', uid, resourceVersion }, ...fields };
    this.objects.set(name, object);
    this.#tell(type, object);
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    if (!object) return;
    this.objects.delete(name);
    const metadata = { ...object.metadata, resourceVersion: String(++this.version) };
    this.#tell('DELETED', { ...object, metadata });
  }

  bookmark(): void {
    this.send({
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: String(++this.version) } },
    });
  }

  /** Forgets all events so far: who is behind has to list. */
  compact(): void {
    this.oldest = this.version;
  }

  /** One event, or any text, on all open watches. */
  send(event: object | string): void {
    const text = typeof event === 'string' ? event : `${JSON.stringify(event)}\n`;
    for (const response of this.open) response.write(text);
  }

  /** Ends all watches, as after their time. */
  end(): void {
    for (const response of this.open.splice(0)) response.end();
  }

  #list(response: ServerResponse, query: URLSearchParams): void {
    this.lists.push(query);
    if (this.onList(response, query)) return;
    json(response, 200, {
      metadata: { resourceVersion: String(this.version) },
      items: [...this.objects.values()],
    });
  }

  #watch(response: ServerResponse, query: URLSearchParams): void {
    this.watches.push(query);
    if (this.onWatch(response, query)) return;
    const from = Number(query.get('resourceVersion'));
    if (from < this.oldest) return status(response, 410, 'Expired', 'too old resource version');
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    for (const { version, text } of this.#history) if (version > from) response.write(text);
    this.open.push(response);
    response.once('close', () => {
      const at = this.open.indexOf(response);
      if (at >= 0) this.open.splice(at, 1);
    });
  }

  #tell(type: string, object: KubeObject): void {
    const text = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ version: this.version, text });
    this.send(text);
  }
}
