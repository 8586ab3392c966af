/** What {@link readOffThread} runs: one document in, what is needed of it out. Also callable as a function. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { readNameIndex } from './name-index.ts';
import { toNameText } from './name-search.ts';
import { type NpmDocument, readNpmDocument } from './npm-document.ts';

/** This module, as a worker is started from it. */
export const READ_WORKER = new URL(import.meta.url);

export interface NpmJob {
  readonly kind: 'npm-document';
  readonly body: Uint8Array;
  readonly name: string;
}

/** The list of all names, from file to file: neither fits into a message well. */
export interface NamesJob {
  readonly kind: 'names';
  readonly from: string;
  readonly type: string;
  readonly to: string;
}

export interface NamesRead {
  readonly count: number;
  readonly serial?: number;
}

export type ReadJob = NpmJob | NamesJob;
export type ReadResult<J extends ReadJob> = J extends NpmJob ? NpmDocument : NamesRead;

/** Throws what is wrong with the document. */
export function readDocument<J extends ReadJob>(job: J): ReadResult<J> {
  return (job.kind === 'npm-document' ? readNpm(job) : readNames(job)) as ReadResult<J>;
}

function readNpm({ body, name }: NpmJob): NpmDocument {
  return readNpmDocument(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'), name);
}

function readNames({ from, type, to }: NamesJob): NamesRead {
  const { names, serial } = readNameIndex(readFileSync(from, 'utf8'), type);
  writeFileSync(to, toNameText(names));
  return { count: names.length, ...(serial !== undefined && { serial }) };
}

function answer(job: ReadJob): void {
  try {
    parentPort?.postMessage({ result: readDocument(job) });
  } catch (thrown) {
    parentPort?.postMessage({ fault: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}

if (!isMainThread && isReadJob(workerData)) answer(workerData);

function isReadJob(data: unknown): data is ReadJob {
  const kind = (data as { kind?: unknown } | null)?.kind;
  return kind === 'npm-document' || kind === 'names';
}
