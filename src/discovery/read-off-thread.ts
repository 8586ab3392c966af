/** Large documents are read in a worker: the event loop of the gateway carries other people's calls. */
import { Worker } from 'node:worker_threads';
import type { ReadJob, ReadResult } from './read-worker.ts';
import { READ_WORKER, readDocument } from './read-worker.ts';

/** Below it a worker costs more than it spares. */
const INLINE_BYTES = 256 * 1024;
/** MiB of the worker's heap: what a document makes of it ends the worker, not the gateway. */
const MAX_HEAP_MB = 1_024;

/** Rejects with what is wrong with the document. */
export async function readOffThread<J extends ReadJob>(job: J, signal?: AbortSignal): Promise<ReadResult<J>> {
  if (job.kind !== 'names' && job.body.length <= INLINE_BYTES) return readDocument(job);
  signal?.throwIfAborted();
  const worker = new Worker(READ_WORKER, {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    name: 'berth-read',
  });
  const stop = () => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<ReadResult<J>>((resolve, reject) => {
      worker.once('message', ({ result, fault }: { result?: ReadResult<J>; fault?: string }) =>
        fault === undefined ? resolve(result as ReadResult<J>) : reject(new Error(fault)),
      );
      worker.once('error', reject);
      worker.once('exit', () => reject(signal?.aborted ? signal.reason : new Error('the worker ended')));
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
