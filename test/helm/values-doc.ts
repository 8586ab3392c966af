/** The values of the chart as a table: every value with its default and the comment before it. */
import { isAlias, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { readChart } from './chart-files.ts';

export interface ValueRow {
  /** Such as `gateway.service.port`. */
  readonly key: string;
  readonly fallback: unknown;
  /** Empty where there is none. */
  readonly comment: string;
}

/** One row for each value: what has a comment is a value, what has none is a group of values. */
export function valueRows(): ValueRow[] {
  const document = parseDocument(readChart('values.yaml'));
  const rows: ValueRow[] = [];
  const walk = (map: YAMLMap, prefix: string): void => {
    for (const [index, pair] of map.items.entries()) {
      const key = `${prefix}${isScalar(pair.key) ? pair.key.value : ''}`;
      const value = isAlias(pair.value) ? pair.value.resolve(document) : pair.value;
      const comment = commentOf(map, pair, index);
      if (comment === '' && isMap(value) && value.items.length > 0) walk(value as YAMLMap, `${key}.`);
      else rows.push({ key, fallback: undefined, comment });
    }
  };
  walk(document.contents as YAMLMap, '');
  const values = document.toJS() as Record<string, unknown>;
  return rows.map((row) => ({ ...row, fallback: at(values, row.key) }));
}

function commentOf(map: YAMLMap, pair: Pair, index: number): string {
  const own = isScalar(pair.key) ? pair.key.commentBefore : undefined;
  // The comment before the first key is the map's.
  const text = own ?? (index === 0 ? map.commentBefore : undefined) ?? '';
  // A paragraph before it is about something else.
  const [last = ''] = text.split(/\n\s*\n/).slice(-1);
  return last
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

/** What stands at a dotted path. */
export function at(values: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, name) => Object(node)[name], values);
}
