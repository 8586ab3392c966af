/** Tables of a page of results. */
import type { Bar } from './bars.ts';

/** A number, or a dash where there is none. */
export function figure(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(line), ''];
}

/** Every bar with what this run made of it. */
export function barTable(bars: readonly Bar[]): string[] {
  const word = ({ value, met }: Bar): string =>
    Number.isNaN(value) ? 'not measured' : met ? 'met' : 'missed';
  const rows = bars.map((bar) => [bar.what, bar.wanted, `${figure(bar.value, 2)} ${bar.unit}`, word(bar)]);
  return ['## Bars', '', ...table(['what', 'wanted', 'this run', ''], rows)];
}
