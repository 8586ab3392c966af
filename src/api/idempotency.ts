/**
 * `Idempotency-Key`: a POST that is sent again, because its answer was lost, gets the first answer and is not carried out again. What was
 * answered is kept in memory: it may hold what a tool has said, which is not to be written to a disk.
 */
import { createHash } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { LRUCache } from 'lru-cache';
import { BerthError } from '../errors.ts';
import { type ApiVariables, bodyText } from './request-checks.ts';

export const IDEMPOTENCY_KEY = 'Idempotency-Key';
/** On an answer that was given before. */
export const REPLAYED = 'Idempotency-Replayed';

/** What is kept: the newest, so long (milliseconds), so much (bytes). */
const MAX_ANSWERS = 1_000;
const KEPT_FOR = 24 * 3_600_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** Bytes of one answer; of a longer one only that it was given. */
const MAX_ANSWER = 1024 * 1024;
const OVERHEAD = 1_024;

const KEY = /^[\x21-\x7e]{1,255}$/;
/** Answers that say that nothing was done and to try again. */
const TRY_AGAIN: ReadonlySet<number> = new Set([429, 503]);

interface Kept {
  /** Of the request: another one must not have the same key. */
  readonly request: string;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Absent when it was too long. */
  readonly body?: Buffer;
}

/** Keeps answers of one gateway. */
export function createIdempotency(): MiddlewareHandler<ApiVariables> {
  const running = new Map<string, string>();
  const kept = new LRUCache<string, Kept>({
    max: MAX_ANSWERS,
    maxSize: MAX_BYTES,
    ttl: KEPT_FOR,
    sizeCalculation: ({ body }) => (body?.length ?? 0) + OVERHEAD,
  });
  return async (context, next) => {
    const given = context.req.method === 'POST' ? context.req.header(IDEMPOTENCY_KEY) : undefined;
    if (given === undefined) return await next();
    if (!KEY.test(given)) throw badKey();
    const key = `${context.env?.principal?.digest ?? ''} ${given}`;
    const request = await digestOf(context);
    const before = kept.get(key);
    if ((before?.request ?? running.get(key) ?? request) !== request) throw reused();
    if (before) return replay(before);
    if (running.has(key)) throw inProgress();
    running.set(key, request);
    context.set('keyed', true);
    try {
      await next();
      context.res = await keep(context.res, (answer) => {
        running.delete(key);
        if (!TRY_AGAIN.has(answer.status)) kept.set(key, { ...answer, request });
      });
    } catch (error) {
      running.delete(key);
      throw error;
    }
  };
}

async function digestOf(context: Context<ApiVariables>): Promise<string> {
  const { method, url } = context.req.raw;
  const { pathname, search } = new URL(url);
  const accept = context.req.header('Accept')?.includes('application/x-ndjson') ?? false;
  const parts = [method, pathname, search, accept, await bodyText(context)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/** Hands the answer on and keeps it once it is whole, whether or not somebody still reads. */
async function keep(response: Response, done: (answer: Omit<Kept, 'request'>) => void): Promise<Response> {
  const headers = [...response.headers].filter(([name]) => name !== 'x-request-id');
  const { status, body } = response;
  if (!body) {
    done({ status, headers, body: Buffer.alloc(0) });
    return response;
  }
  const [theirs, ours] = body.tee();
  const collected = collect(ours).then((bytes) => done({ status, headers, ...(bytes && { body: bytes }) }));
  // An answer that is whole already is kept before anybody can ask again.
  if (!response.headers.get('Content-Type')?.startsWith('application/x-ndjson')) await collected;
  return new Response(theirs, { status, headers: response.headers });
}

/** Undefined for more than is kept, and for what breaks off; what comes after that is not waited for. */
async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer | undefined> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return Buffer.concat(chunks);
      bytes += value.byteLength;
      if (bytes > MAX_ANSWER) break;
      chunks.push(value);
    }
  } catch {
    return undefined;
  }
  // Settles when the other reader has ended, too.
  reader.cancel().catch(() => undefined);
  return undefined;
}

function replay({ status, headers, body }: Kept): Response {
  if (!body)
    throw new BerthError('conflict', 'it was done, and its answer was too long to be kept', {
      hint: 'Look at what has come of it; with another key it is done once more.',
    });
  const all = new Headers([...headers] as [string, string][]);
  all.set(REPLAYED, 'true');
  return new Response(status === 204 ? null : new Uint8Array(body), { status, headers: all });
}

function badKey(): BerthError {
  const detail = 'must be 1 to 255 visible characters of ASCII';
  return new BerthError('bad-input', `${IDEMPOTENCY_KEY} ${detail}`, {
    fields: [{ pointer: IDEMPOTENCY_KEY, detail }],
  });
}

function reused(): BerthError {
  return new BerthError('key-reused', `this ${IDEMPOTENCY_KEY} has been sent with another request`);
}

function inProgress(): BerthError {
  return new BerthError('in-progress', 'the first request with this key is still being carried out');
}
