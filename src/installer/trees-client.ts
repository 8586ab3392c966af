/** Puts archives into berth-trees and gets them from there; repeats what a restart of the service has cut off. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { BerthError, type ErrorDetails, toBerthError } from '../errors.ts';
import type { Archive } from './pack.ts';

const ATTEMPTS = 8;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 8_000;
const TIMEOUT = 120_000;
/** No connection of the shared agent: a proxy of the environment reaches what is outside, and not this service. */
const DIRECT = { agent: false, timeout: TIMEOUT } as const;
const MAX_TEXT = 1_000;
const LOOK = 'Look at the package store of the release: the pod of berth-trees, its log and its disk.';
const MISSING =
  'The package store has lost the package: it is installed again, and then fetched without a restart.';

export interface PutOptions extends Archive {
  /** Of the service. */
  readonly url: string;
  readonly token: string;
  readonly file: string;
}

/** Rejects with `install-failed`. */
export async function putArchive({ url, digest, bytes, token, file }: PutOptions): Promise<void> {
  await repeat(async () => {
    const sent = request(`${url}/trees/${digest}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${token}`,
        'content-length': bytes,
        'content-type': 'application/gzip',
      },
      ...DIRECT,
    });
    sent.on('timeout', () => sent.destroy(new Error('berth-trees does not answer')));
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    // A refusal may come before everything is sent, and is what counts then.
    const uploaded = pipeline(createReadStream(file), sent).catch(() => undefined);
    const [response] = await answered;
    await check(response);
    response.resume();
    await uploaded;
  });
}

export interface GetOptions {
  /** Of the archive; ends with its digest. */
  readonly url: string;
  readonly file: string;
  readonly maxBytes: number;
}

/** Rejects with `install-failed`, also for bytes that are not those of the digest. */
export async function getArchive({ url, file, maxBytes }: GetOptions): Promise<void> {
  const digest = url.slice(url.lastIndexOf('/') + 1);
  await repeat(async () => {
    const sent = request(url, DIRECT);
    sent.on('timeout', () => sent.destroy(new Error('berth-trees does not answer')));
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await check(response);
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        bytes += chunk.length;
        hash.update(chunk);
        next(bytes > maxBytes ? failure(`the archive has more than ${maxBytes} bytes`) : null, chunk);
      },
    });
    await pipeline(response, counted, createWriteStream(file, { mode: 0o600 }));
    if (hash.digest('hex') !== digest)
      throw failure('berth-trees has sent other bytes than those of the digest');
  });
}

/** What is refused stays refused; what was cut off, or a service that is not there yet, is tried again. */
async function repeat(attempt: () => Promise<void>): Promise<void> {
  for (let count = 1, wait = FIRST_WAIT; ; count++, wait = Math.min(wait * 2, LONGEST_WAIT)) {
    try {
      return await attempt();
    } catch (thrown) {
      if (thrown instanceof BerthError && thrown.code !== 'busy') throw thrown;
      if (count === ATTEMPTS)
        throw failure(`berth-trees cannot be used: ${textOf(thrown)}`, { cause: thrown });
      await pause(wait);
    }
  }
}

async function check(response: IncomingMessage): Promise<void> {
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return;
  let text = '';
  for await (const chunk of response) if (text.length < MAX_TEXT) text += String(chunk);
  const message = `berth-trees answers ${statusCode}: ${detailOf(text)}`;
  if (statusCode === 404) throw failure(message, { reason: 'TreeMissing', hint: MISSING });
  throw statusCode >= 500 || statusCode === 401 ? new BerthError('busy', message) : failure(message);
}

/** A problem document's own words. */
function detailOf(text: string): string {
  try {
    return String((JSON.parse(text) as { detail?: unknown }).detail ?? '');
  } catch {
    return text.slice(0, MAX_TEXT).trim();
  }
}

function failure(message: string, details: ErrorDetails & { readonly cause?: unknown } = {}): BerthError {
  return new BerthError('install-failed', message, { phase: 'install', hint: LOOK, ...details });
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : toBerthError(thrown).message;
}
