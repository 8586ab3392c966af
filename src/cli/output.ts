/** How results are written: columns for people, JSON and YAML for programs, names for the next command of a pipe. */
import { stringify } from 'yaml';
import { plainNumber } from '../exact-json.ts';
import { formatTable } from './table.ts';

export const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Format = (typeof FORMATS)[number];

export interface Column<T> {
  readonly head: string;
  readonly of: (item: T) => string;
  /** Only in the wide table. */
  readonly wide?: boolean;
}

export interface ListShape<T> {
  readonly columns: readonly Column<T>[];
  /** What the next command calls it. */
  readonly name: (item: T) => string;
}

/** A list in the wanted form; an empty one is `[]`, never nothing, for programs. */
export function listText<T>(items: readonly T[], format: Format, { columns, name }: ListShape<T>): string {
  switch (format) {
    case 'name':
      return items.map((item) => `${name(item)}\n`).join('');
    case 'table':
    case 'wide': {
      const shown = columns.filter(({ wide = false }) => !wide || format === 'wide');
      return formatTable(
        shown.map(({ head }) => head),
        items.map((item) => shown.map(({ of }) => of(item))),
      );
    }
    default:
      return valueText(items, format);
  }
}

/** One value for programs; for people indented JSON. */
export function valueText(value: unknown, format: Format): string {
  if (format === 'yaml')
    return stringify(value, (_, member: unknown) => plainNumber(member), { aliasDuplicateObjects: false });
  return `${JSON.stringify(value, null, format === 'json' ? 0 : 2)}\n`;
}

/** Whether a program reads the whole value. */
export function isData(format: Format): boolean {
  return format === 'json' || format === 'yaml';
}
