/** Samples as text, in the format of Prometheus (0.0.4) or in OpenMetrics (1.0.0). */
import type { Histogram } from '../histogram.ts';
import type { MetricDefinition } from './definitions.ts';

export type ExpositionFormat = 'prometheus' | 'openmetrics';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | Histogram;
}

export interface Family {
  readonly name: string;
  readonly definition: MetricDefinition;
  readonly samples: readonly Sample[];
}

export const CONTENT_TYPE: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

const TOTAL = '_total';

/** The format that an Accept header prefers; Prometheus's own text where it says nothing. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  let best: { readonly format: ExpositionFormat; readonly quality: number } = {
    format: 'prometheus',
    quality: 0,
  };
  for (const entry of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    const given = new Map(parameters.map((one) => one.split('=', 2) as [string, string]));
    const quality = Number(given.get('q') ?? 1);
    const version = given.get('version') ?? '1.0.0';
    const open = type === 'application/openmetrics-text' && version === '1.0.0';
    const plain = type === 'text/plain' || type === 'text/*' || type === '*/*';
    if ((open || plain) && quality > best.quality)
      best = { format: open ? 'openmetrics' : 'prometheus', quality };
  }
  return best.format;
}

export function writeExposition(families: readonly Family[], format: ExpositionFormat): string {
  const lines = families.flatMap((family) => familyLines(family, format));
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function familyLines(
  { name, definition: { type, help }, samples }: Family,
  format: ExpositionFormat,
): string[] {
  // In OpenMetrics a counter's family goes without the suffix that its samples have.
  const family = format === 'openmetrics' && type === 'counter' ? name.slice(0, -TOTAL.length) : name;
  const text = format === 'openmetrics' ? escapeLabel(help) : escapeHelp(help);
  const head = [`# HELP ${family} ${text}`, `# TYPE ${family} ${type}`];
  return [...head, ...samples.flatMap((sample) => sampleLines(name, sample))];
}

function sampleLines(name: string, { labels, value }: Sample): string[] {
  if (typeof value === 'number') return [`${name}${labelText(labels)} ${numberText(value)}`];
  let count = 0;
  const buckets = value.counts.map((own, at) => {
    count += own;
    const bound = value.bounds[at];
    const le = bound === undefined ? '+Inf' : boundText(bound);
    return `${name}_bucket${labelText({ ...labels, le })} ${count}`;
  });
  return [
    ...buckets,
    `${name}_sum${labelText(labels)} ${numberText(value.sum)}`,
    `${name}_count${labelText(labels)} ${count}`,
  ];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** Values of labels may be any text; half a surrogate pair is none. */
function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** The same series whichever format it is fetched in: OpenMetrics wants `1.0`. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : `${bound}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : `${value}`;
}
