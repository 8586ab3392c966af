/**
 * Spans on their way out: at most so many wait, in batches that go on their own time. Whoever ends a span never waits, and what is
 * lost is counted.
 */
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { SpanCount } from './span-count.ts';

/** Spans that wait, and that go at one time. */
const MOST_WAITING = 2_048;
const BATCH = 512;
/** Milliseconds from the first span of a batch until it goes. */
const EXPORT_AFTER = 1_000;

export interface BoundedExportOptions {
  readonly exporter: SpanExporter;
  /** Told of the first failure after a success. */
  readonly onFault: (error: unknown) => void;
}

/** Keeps the bound itself, as the library's batches drop without saying so. */
export class BoundedExport implements SpanProcessor {
  readonly count: SpanCount = { exported: 0, failed: 0, dropped: 0 };
  readonly #batches: BatchSpanProcessor;
  #waiting = 0;
  #failing = false;

  constructor({ exporter, onFault }: BoundedExportOptions) {
    this.#batches = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          this.#waiting -= spans.length;
          exporter.export(spans, (result) => {
            this.#exported(spans.length, result, onFault);
            done(result);
          });
        },
        shutdown: () => exporter.shutdown(),
        forceFlush: async () => exporter.forceFlush?.(),
      },
      maxQueueSize: MOST_WAITING,
      maxExportBatchSize: BATCH,
      scheduledDelayMillis: EXPORT_AFTER,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= MOST_WAITING) {
      this.count.dropped++;
      return;
    }
    this.#waiting++;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }

  #exported(spans: number, { code, error }: ExportResult, onFault: (error: unknown) => void): void {
    const isTaken = code === ExportResultCode.SUCCESS;
    this.count[isTaken ? 'exported' : 'failed'] += spans;
    if (!isTaken && !this.#failing) onFault(error);
    this.#failing = !isTaken;
  }
}
