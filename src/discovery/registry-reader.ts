/** Documents of one registry: fetched with its settings, kept for a while, read with care. */
import type { BerthError } from '../errors.ts';
import type { NpmOptions } from '../packages/npm-config.ts';
import {
  type RegistryAnswer,
  type RegistryGet,
  registryFailure,
  registryGet,
} from '../packages/registry-get.ts';
import { ABSENT_TTL_MS, type AnswerCache, type Kept, type Loaded } from './answer-cache.ts';

export type RegistryDocument = RegistryAnswer & { readonly kind: 'document' };

export interface AskHow {
  /** Ends the wait, not the request: others may wait for it too. */
  readonly signal?: AbortSignal | undefined;
  readonly refresh?: boolean | undefined;
  /** Milliseconds for the request. */
  readonly timeout: number;
}

export interface AskFor<T> {
  readonly how: AskHow;
  /** Of the document. */
  readonly maxBytes: number;
  readonly accept?: string;
  /** As {@link RegistryGet.send}. */
  readonly send?: RegistryGet['send'];
  /** As {@link RegistryGet.take}. */
  readonly take?: RegistryGet['take'];
  /** Whatever it throws is told as `malformed`. */
  readonly read: (document: RegistryDocument) => T | Promise<T>;
  /** About how many bytes what was read holds, where that has nothing to do with the length of the document. */
  readonly weigh?: (value: T) => number;
}

export interface RegistryReaderInput {
  /** What the registry is called in messages. */
  readonly label: string;
  readonly options: NpmOptions;
  readonly cache: AnswerCache;
  /** Told of each document that came. */
  readonly onDocument?: (document: RegistryDocument) => void;
}

export class RegistryReader {
  readonly label: string;
  readonly #input: RegistryReaderInput;

  constructor(input: RegistryReaderInput) {
    this.label = input.label;
    this.#input = input;
  }

  /** Undefined when the registry has no such thing. Rejects with `registry-failed`, or with the reason of the signal. */
  async ask<T>(
    url: URL,
    { how, maxBytes, accept = 'application/json', send, take, read, weigh }: AskFor<T>,
  ): Promise<Kept<T | undefined>> {
    const { cache, options } = this.#input;
    const load = async (etag: string | undefined): Promise<Loaded<T | undefined> | 'unchanged'> => {
      const answer = await registryGet(url, {
        label: this.label,
        accept,
        maxBytes,
        timeout: how.timeout,
        etag,
        options,
        send,
        take,
      });
      if (answer.kind === 'unchanged') return 'unchanged';
      if (answer.kind === 'absent') return { value: undefined, bytes: 1, ttl: ABSENT_TTL_MS };
      this.#input.onDocument?.(answer);
      const value = await this.#read(answer, read);
      return { value, etag: answer.etag, bytes: weigh?.(value) ?? answer.body.length };
    };
    const key = send === undefined ? url.href : `${url.href} ${send.body}`;
    const asked = cache.get(key, load, { host: url.host, refresh: how.refresh === true });
    return await untilAborted(asked, how.signal);
  }

  async #read<T>(document: RegistryDocument, read: AskFor<T>['read']): Promise<T> {
    try {
      return await read(document);
    } catch (cause) {
      throw malformed(this.label, document.type, cause);
    }
  }
}

/** Below the address of a registry, with its credentials. */
export function below(base: URL, path: string): URL {
  const url = new URL(path, base);
  url.username = base.username;
  url.password = base.password;
  return url;
}

export function malformed(label: string, type: string, cause: unknown): BerthError {
  const text = cause instanceof SyntaxError ? 'not the JSON that it should be' : 'not what was asked for';
  const kind = type === '' ? '' : ` (${type.split(';')[0]})`;
  return registryFailure(label, 'malformed', `answered with something that is ${text}${kind}`, { cause });
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    promise.catch(() => {});
  }
}
