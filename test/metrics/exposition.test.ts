/** What is exposed, read back by rules of the two formats, whatever text labels hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/histogram.ts';
import type { MetricDefinition } from '../../src/metrics/definitions.ts';
import { formatFor, writeExposition } from '../../src/metrics/exposition.ts';
import { readExposition } from '../support/exposition.ts';

const definition = (type: MetricDefinition['type'], labels: readonly string[]): MetricDefinition => ({
  type,
  help: 'What it means, "quoted" and with a \\.',
  labels,
  programs: [],
});

const FORMATS = ['prometheus', 'openmetrics'] as const;

describe.each(FORMATS)('in the format %s', (format) => {
  it('any text of a label is read back as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 8 }), (texts) => {
        const unique = [...new Set(texts.map((text) => text.toWellFormed()))];
        const samples = unique.map((text, value) => ({ labels: { text }, value }));
        const families = [{ name: 'a_total', definition: definition('counter', ['text']), samples }];
        const read = readExposition(writeExposition(families, format), format);
        expect(read.samples.map(({ labels, value }) => ({ labels, value }))).toEqual(samples);
      }),
    );
  });

  it('a half of a surrogate pair does no harm', () => {
    const samples = [{ labels: { text: 'a\ud800b' }, value: 1 }];
    const text = writeExposition([{ name: 'a', definition: definition('gauge', ['text']), samples }], format);
    expect(readExposition(text, format).samples).toEqual([
      { name: 'a', family: 'a', labels: { text: 'a\ufffdb' }, value: 1 },
    ]);
  });

  it('a histogram is cumulative, and ends with what is above all bounds', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (values) => {
        const histogram = new Histogram([0.5, 1, 10]);
        for (const value of values) histogram.observe(value);
        const samples = [{ labels: { of: 'x' }, value: histogram }];
        const families = [{ name: 'h_seconds', definition: definition('histogram', ['of']), samples }];
        const read = readExposition(writeExposition(families, format), format);
        const buckets = read.samples.filter(({ name }) => name === 'h_seconds_bucket');
        expect(buckets.map(({ labels: { le }, value }) => [le, value])).toEqual([
          ['0.5', values.filter((one) => one <= 0.5).length],
          ['1.0', values.filter((one) => one <= 1).length],
          ['10.0', values.filter((one) => one <= 10).length],
          ['+Inf', values.length],
        ]);
        expect(read.samples.find(({ name }) => name === 'h_seconds_count')?.value).toBe(values.length);
      }),
    );
  });
});

it.each([
  [undefined, 'prometheus'],
  ['*/*', 'prometheus'],
  ['text/plain;version=0.0.4', 'prometheus'],
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9', 'prometheus'],
  ['application/openmetrics-text;version=0.0.1', 'prometheus'],
  // What Prometheus 3 sends.
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'openmetrics',
  ],
  ['application/json', 'prometheus'],
  ['nonsense;;;q=x,', 'prometheus'],
])('Accept %s gets %s', (accept, format) => {
  expect(formatFor(accept)).toBe(format);
});
