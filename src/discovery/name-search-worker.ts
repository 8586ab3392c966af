/** {@link NameSearch} in a worker: a scan takes milliseconds that the event loop of a gateway does not have. */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type NameQuery, NameSearch, type NamesFound } from './name-search.ts';

/** MiB of the worker's heap. */
const MAX_HEAP_MB = 256;
/** The same for what is young: small, because garbage would be most of the memory. */
const MAX_YOUNG_MB = 4;

interface Asked {
  readonly id: number;
  readonly query: NameQuery;
}

interface Answered {
  readonly id: number;
  readonly found: NamesFound;
}

/** Answers queries over the names of one file, a name a line. */
export class NameSearchWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<NamesFound>>();
  #lastId = 0;
  #ended: Error | undefined;

  constructor(file: string) {
    this.#worker = new Worker(new URL(import.meta.url), {
      workerData: { berthNames: file },
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: MAX_YOUNG_MB },
      name: 'berth-names',
    });
    this.#worker.unref();
    this.#worker.on('message', ({ id, found }: Answered) => {
      this.#waiting.get(id)?.resolve(found);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('the worker of the name list ended')));
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Rejects when the worker ends before it has answered. */
  async find(query: NameQuery): Promise<NamesFound> {
    if (this.#ended) throw this.#ended;
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<NamesFound>();
    this.#waiting.set(id, waiting);
    this.#worker.ref();
    this.#worker.postMessage({ id, query } satisfies Asked);
    return await waiting.promise;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

function serve(file: string): void {
  // Names are ASCII, and a text of single bytes takes half the room.
  const search = new NameSearch(readFileSync(file, 'latin1'));
  parentPort?.on('message', ({ id, query }: Asked) => {
    parentPort?.postMessage({ id, found: search.find(query) } satisfies Answered);
  });
}

if (!isMainThread) {
  const { berthNames } = (workerData ?? {}) as { berthNames?: unknown };
  if (typeof berthNames === 'string') serve(berthNames);
}
