/** berth-trees over HTTP: `PUT`, `GET` and `HEAD /trees/<sha256>`, and `/livez`. */
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { BerthError, toBerthError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import { type ArchiveStore, isDigest, tooLarge } from './archive-store.ts';
import { readTreeToken } from './token.ts';

export interface TreesServiceOptions {
  readonly store: ArchiveStore;
  /** Of the tokens; read anew for every upload, so that a rotation counts at once. */
  readonly key: () => Promise<Buffer>;
  readonly maxUploadBytes: number;
  readonly log: Log;
}

/** Handles one request, to its end; never rejects. */
export async function handleTrees(
  request: IncomingMessage,
  response: ServerResponse,
  options: TreesServiceOptions,
): Promise<void> {
  try {
    await route(request, response, options);
  } catch (thrown) {
    refuse(request, response, toBerthError(thrown));
    options.log.warn({ err: thrown, method: request.method }, 'a request for a tree failed');
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  options: TreesServiceOptions,
): Promise<void> {
  const { method, url = '' } = request;
  if (url === '/livez') return void response.end('ok\n');
  const digest = url.startsWith('/trees/') ? url.slice('/trees/'.length) : '';
  if (!isDigest(digest)) throw new BerthError('not-found', 'no such path');
  if (method === 'PUT') return await put(request, response, { ...options, digest });
  if (method === 'GET' || method === 'HEAD') return await get(method, response, { ...options, digest });
  response.setHeader('allow', 'GET, HEAD, PUT');
  throw new BerthError('method-not-allowed', 'trees are put and got');
}

type TreeRequest = TreesServiceOptions & { readonly digest: string };

async function put(request: IncomingMessage, response: ServerResponse, options: TreeRequest): Promise<void> {
  const { store, digest, maxUploadBytes } = options;
  const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
  const job = scheme === 'Bearer' ? readTreeToken(await options.key(), token) : undefined;
  if (job === undefined)
    throw new BerthError('unauthorized', 'no token of an installer', {
      hint: 'Only installer Jobs put trees.',
    });
  if (Number(request.headers['content-length'] ?? 0) > maxUploadBytes) throw tooLarge(maxUploadBytes);
  const written = await store.put({ digest, job, body: request, maxBytes: maxUploadBytes });
  options.log.info({ digest, job, written }, 'a tree was put');
  // Who is still sending when the answer and the end of the connection come reads a broken connection, not an answer.
  if (!written) await readRest(request, maxUploadBytes);
  response.writeHead(written ? 201 : 200).end();
}

async function readRest(request: IncomingMessage, maxBytes: number): Promise<void> {
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
  }
}

async function get(method: string, response: ServerResponse, { store, digest }: TreeRequest): Promise<void> {
  const found = await store.find(digest);
  if (!found)
    throw new BerthError('not-found', 'there is no such tree', { hint: 'The controller installs it again.' });
  response.writeHead(200, {
    'content-type': 'application/gzip',
    'content-length': found.bytes,
    etag: `"${digest}"`,
    'cache-control': 'public, immutable, max-age=31536000',
  });
  if (method === 'HEAD') return void response.end();
  // An archive that is removed meanwhile stays readable to its end.
  await pipeline(createReadStream(store.path(digest)), response);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: BerthError): void {
  if (response.headersSent) return void response.destroy();
  if (!request.complete) response.setHeader('connection', 'close');
  response.writeHead(error.status, { 'content-type': 'application/problem+json' });
  response.end(
    `${JSON.stringify({ status: error.status, code: error.code, detail: error.message, hint: error.hint })}\n`,
  );
}
