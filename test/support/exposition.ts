/** Reads what Prometheus reads, and refuses whatever its specifications do not allow. */
import { METRICS, type MetricName } from '../../src/metrics/definitions.ts';
import type { ExpositionFormat } from '../../src/metrics/exposition.ts';

export interface ReadSample {
  readonly name: string;
  readonly family: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadExposition {
  /** Types by family. */
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly ReadSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$|^[+-]Inf$|^NaN$/i;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/** Throws with the line that is wrong. */
export function readExposition(text: string, format: ExpositionFormat): ReadExposition {
  const open = format === 'openmetrics';
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line break');
  const lines = text.slice(0, -1).split('\n');
  if (open && lines.pop() !== '# EOF') throw new Error('no # EOF at the end');
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const samples: ReadSample[] = [];
  const series = new Set<string>();
  let family = '';
  for (const line of lines) {
    const fail = (why: string): Error => new Error(`${why}: ${line}`);
    if (line.startsWith('#')) {
      const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
      if (!keyword || !NAME.test(name)) throw fail('no HELP and no TYPE');
      if (keyword === 'HELP') {
        if (helps.has(name)) throw fail('a second HELP');
        helps.add(name);
        unescaped(rest, open ? /\\[\\n"]/g : /\\[\\n]/g, fail);
      } else {
        if (types.has(name)) throw fail('a family in two places');
        if (!SUFFIXES[rest]) throw fail('no type');
        types.set(name, rest);
        family = name;
      }
      continue;
    }
    const sample = readSample(line, fail);
    const type = types.get(family) ?? '';
    const stem = !open && type === 'counter' ? family.replace(/_total$/, '') : family;
    if (!SUFFIXES[type]?.some((suffix) => sample.name === stem + suffix))
      throw fail('a sample outside its family');
    if (type === 'counter' && !(sample.value >= 0)) throw fail('a counter below zero');
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (series.has(key)) throw fail('a series twice');
    series.add(key);
    samples.push({ ...sample, family });
  }
  checkHistograms(samples, types);
  return { types, samples };
}

function readSample(line: string, fail: (why: string) => Error): Omit<ReadSample, 'family'> {
  const brace = line.search(/[{ ]/);
  const name = line.slice(0, brace);
  if (!NAME.test(name)) throw fail('no name');
  const labels: Record<string, string> = {};
  let at = brace;
  if (line[at] === '{') {
    at++;
    while (line[at] !== '}') {
      const found = /([^=,{}" ]+)="((?:[^"\\]|\\[\\"n])*)"(,(?=[^}])|(?=}))/y;
      found.lastIndex = at;
      const [whole = '', label = '', value = ''] = found.exec(line) ?? [];
      if (!LABEL.test(label) || label in labels) throw fail('no label, or one twice');
      labels[label] = unescaped(value, /\\[\\n"]/g, fail);
      at += whole.length;
    }
    at++;
  }
  const number = line.slice(at + 1);
  if (line[at] !== ' ' || !NUMBER.test(number)) throw fail('no value');
  return { name, labels, value: number.endsWith('Inf') ? Number(`${number}inity`) : Number(number) };
}

function unescaped(text: string, allowed: RegExp, fail: (why: string) => Error): string {
  if (text.replace(allowed, '').includes('\\')) throw fail('an unknown escape');
  return text.replace(allowed, (one) => (one === '\\n' ? '\n' : one.slice(1)));
}

/** Buckets ascend, end with +Inf, and agree with the count. */
function checkHistograms(samples: readonly ReadSample[], types: ReadonlyMap<string, string>): void {
  for (const { name, family, labels, value } of samples) {
    if (types.get(family) !== 'histogram' || name !== `${family}_count`) continue;
    const own = samples.filter(
      (one) =>
        one.name === `${family}_bucket` &&
        Object.entries(labels).every(([label, text]) => one.labels[label] === text),
    );
    const bounds = own.map(({ labels: { le = '' } }) =>
      le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
    );
    if (
      bounds.at(-1) !== Number.POSITIVE_INFINITY ||
      bounds.some((bound, at) => at > 0 && bound <= (bounds[at - 1] ?? 0))
    )
      throw new Error(`the bounds of ${family} do not ascend to +Inf`);
    if (own.some((one, at) => at > 0 && one.value < (own[at - 1]?.value ?? 0)) || own.at(-1)?.value !== value)
      throw new Error(`the buckets of ${family} do not add up`);
  }
}

/** The value of one series; undefined without it. */
export function seriesValue(
  { samples }: ReadExposition,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const entries = Object.entries(labels);
  const found = samples.filter(
    (one) => one.name === name && entries.every(([label, text]) => one.labels[label] === text),
  );
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}

/** Throws for a series that has no definition, or other labels than its own. */
export function checkDefinitions({ types, samples }: ReadExposition): void {
  for (const { family, labels } of samples) {
    const name = (
      types.get(family) === 'counter' && !family.endsWith('_total') ? `${family}_total` : family
    ) as MetricName;
    const definition = METRICS[name];
    if (!definition || definition.type !== types.get(family)) throw new Error(`${name} is not defined so`);
    const own = Object.keys(labels).filter((label) => label !== 'le');
    if (JSON.stringify(own) !== JSON.stringify(definition.labels))
      throw new Error(`${name} has the labels ${own.join(', ')}`);
  }
}
