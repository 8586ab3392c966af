/** What becomes of spans whose receiver is slow, or not there. */
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { type ReadableSpan, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { BoundedExport } from '../../src/traces/bounded-export.ts';
import { eventually } from '../support/local-process.ts';

const ROOM = 2_048;
const BATCH = 512;

/** Answers when it is told to. */
class HeldExporter implements SpanExporter {
  readonly batches: {
    readonly spans: readonly ReadableSpan[];
    readonly done: (result: ExportResult) => void;
  }[] = [];

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.batches.push({ spans, done });
  }

  async shutdown(): Promise<void> {}

  answer(code: ExportResultCode): void {
    for (const { done } of this.batches.splice(0)) done({ code, error: new Error('no receiver') });
  }
}

function open() {
  const exporter = new HeldExporter();
  const faults: unknown[] = [];
  const bounded = new BoundedExport({ exporter, onFault: (error) => faults.push(error) });
  const tracer = new TracerProvider({ spanProcessors: [bounded] }).getTracer('test');
  const make = (count: number): void => {
    for (let at = 0; at < count; at++) tracer.startSpan('call').end();
  };
  return { exporter, faults, bounded, make };
}

describe('spans on their way out', () => {
  it('are dropped beyond what may wait, and counted', async () => {
    const { exporter, bounded, make } = open();
    make(BATCH + ROOM + 10);
    expect(exporter.batches.map(({ spans }) => spans.length)).toEqual([BATCH]);
    expect(bounded.count).toEqual({ exported: 0, failed: 0, dropped: 10 });
    exporter.answer(ExportResultCode.SUCCESS);
    await eventually('the next batch', () => exporter.batches[0]);
    make(BATCH + 1);
    expect(bounded.count).toEqual({ exported: BATCH, failed: 0, dropped: 11 });
  });

  it('that their receiver does not take are counted, and it is said once until it takes some again', async () => {
    const { exporter, faults, bounded, make } = open();
    const codes = [
      ExportResultCode.FAILED,
      ExportResultCode.FAILED,
      ExportResultCode.SUCCESS,
      ExportResultCode.FAILED,
    ];
    for (const code of codes) {
      make(BATCH);
      await eventually('a batch', () => exporter.batches[0]);
      exporter.answer(code);
      // The processor looks at its queue again after the answer.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bounded.count).toEqual({ exported: BATCH, failed: 3 * BATCH, dropped: 0 });
    expect(faults).toHaveLength(2);
  });

  it('leave at the end', async () => {
    const { exporter, bounded, make } = open();
    make(3);
    const over = bounded.shutdown();
    await eventually('the last batch', () => exporter.batches[0]);
    exporter.answer(ExportResultCode.SUCCESS);
    await over;
    expect(bounded.count).toEqual({ exported: 3, failed: 0, dropped: 0 });
  });
});
