/** The metrics of one program: sources are asked when somebody scrapes, and what they say is written as text. */
import { Histogram } from '../histogram.ts';
import { definitionOf, type LabelsOf, METRICS, type MetricName } from './definitions.ts';
import { CONTENT_TYPE, type Family, formatFor, type Sample, writeExposition } from './exposition.ts';

/** Says one value. The same name and labels again add up. Histograms are not changed. */
export type Emit = <N extends MetricName>(
  name: N,
  labels: LabelsOf<N>,
  value: (typeof METRICS)[N]['type'] extends 'histogram' ? Histogram : number,
) => void;

/** Reads off what is counted elsewhere; called at every scrape. */
export type MetricSource = (emit: Emit) => void;

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

export interface Metrics {
  /** For the Accept header of a scrape. A source that throws is left out, and counted. */
  expose(accept: string | undefined): Exposition;
}

export interface MetricsOptions {
  readonly sources: readonly MetricSource[];
  /** Told why a source was left out. */
  readonly onFault?: (thrown: unknown) => void;
}

export function createMetrics({ sources, onFault }: MetricsOptions): Metrics {
  let failures = 0;
  return {
    expose: (accept) => {
      const collected = new Collected();
      for (const source of sources) {
        try {
          source(collected.emit);
        } catch (thrown) {
          failures++;
          onFault?.(thrown);
        }
      }
      collected.emit('berth_scrape_failures_total', {}, failures);
      const format = formatFor(accept);
      return { contentType: CONTENT_TYPE[format], body: writeExposition(collected.families, format) };
    },
  };
}

class Collected {
  readonly #samples = new Map<MetricName, Map<string, Sample>>();

  readonly emit: Emit = (name, labels, value) => {
    const samples = this.#samples.get(name) ?? new Map<string, Sample>();
    this.#samples.set(name, samples);
    const ordered: Record<string, string> = {};
    for (const label of definitionOf(name).labels)
      ordered[label] = (labels as Record<string, string>)[label] ?? '';
    const key = JSON.stringify(Object.values(ordered));
    const before = samples.get(key)?.value;
    samples.set(key, { labels: ordered, value: before === undefined ? value : sum(before, value) });
  };

  /** In the order of the definitions. */
  get families(): Family[] {
    return (Object.keys(METRICS) as MetricName[]).flatMap((name) => {
      const samples = this.#samples.get(name);
      return samples ? [{ name, definition: definitionOf(name), samples: [...samples.values()] }] : [];
    });
  }
}

function sum(a: Sample['value'], b: Sample['value']): Sample['value'] {
  if (typeof a === 'number') return a + Number(b);
  const both = new Histogram(a.bounds);
  both.add(a);
  both.add(b as Histogram);
  return both;
}
