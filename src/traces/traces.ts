/** Traces of calls, exported by OTLP over HTTP. Loaded only where somebody wants them: the libraries cost time and memory at a start. */
import { hostname } from 'node:os';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import type { CallTracer } from '../transports/call-tracer.ts';
import { programVersion } from '../version.ts';
import { BoundedExport } from './bounded-export.ts';
import type { SpanCount } from './span-count.ts';
import { createCallTracer } from './traced-conversation.ts';

const TRACES_PATH = '/v1/traces';
/** Milliseconds in which what waits must have left when the program ends. */
const FLUSH_WITHIN = 5_000;

export interface TracesOptions {
  /** URL of the receiver, with or without `/v1/traces`. */
  readonly endpoint: string;
  /** Of the traces that begin here, 0 to 1. */
  readonly sampleRate: number;
  /** Told when spans could not be exported, once until they can again. */
  readonly onFault: (error: unknown) => void;
}

export interface Traces {
  readonly tracer: CallTracer;
  readonly count: SpanCount;
  /** Exports what waits, within five seconds. Idempotent. */
  close(): Promise<void>;
}

/** Headers, time limit, compression and certificates of the export are read by the library, from `OTEL_EXPORTER_OTLP_*`. */
export function openTraces({ endpoint, sampleRate, onFault }: TracesOptions): Traces {
  const bounded = new BoundedExport({ exporter: new OTLPTraceExporter({ url: urlOf(endpoint) }), onFault });
  const own = resourceFromAttributes({
    'service.name': 'berth',
    'service.version': programVersion(),
    'service.instance.id': hostname(),
  });
  const provider = new TracerProvider({
    // What the environment says of the service counts before ours.
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRate) }),
    spanProcessors: [bounded],
  });
  let closing: Promise<void> | undefined;
  return {
    tracer: createCallTracer(provider.getTracer('berth', programVersion())),
    count: bounded.count,
    close: () => {
      closing ??= within(FLUSH_WITHIN, provider.shutdown().catch(onFault));
      return closing;
    },
  };
}

function urlOf(endpoint: string): string {
  const url = new URL(endpoint);
  if (!url.pathname.endsWith(TRACES_PATH)) url.pathname = url.pathname.replace(/\/?$/, TRACES_PATH);
  return url.href;
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}
