/** The full-size run as Markdown. */
import { machineLines } from '../machine.ts';
import type { Finding } from './case.ts';

export interface RowResult {
  readonly row: string;
  readonly seconds: number;
  readonly findings: readonly Finding[];
  /** Why the case gave nothing. */
  readonly failure?: string;
}

function word({ met }: Finding): string {
  if (met === undefined) return '';
  return met ? 'met' : '**missed**';
}

function lines({ row, findings, failure }: RowResult): string[] {
  if (failure !== undefined)
    return [`| ${row} | did not finish | ${failure.replaceAll('|', '\\|')} | – | **missed** |`];
  return findings.map((each) => `| ${row} | ${each.what} | ${each.measured} | ${each.bar} | ${word(each)} |`);
}

const NOTES = [
  'T-18 needs no size and stands in `npm test`. T-20 runs for one minute a server instead of ten. F-11 runs with a deadline of',
  '5 s of real time instead of 15 minutes: the deadline is the same code, and `npm test` moves it with a clock by hand.',
  'Times and memory depend on the machine and on what else runs on it; counts and statuses do not.',
];

/** The whole page. */
export function fullPage(results: readonly RowResult[]): string {
  const findings = results.flatMap((each) => each.findings);
  const missed =
    findings.filter(({ met }) => met === false).length + results.filter((each) => each.failure).length;
  const took = results.reduce((sum, each) => sum + each.seconds, 0);
  return [
    '# Threats and faults at full size',
    '',
    'Written by `npm run bench -- --full`: every gateway here is a process of its own, and every load is bounded.',
    ...NOTES,
    '',
    ...machineLines().slice(0, 1),
    '- the gateway runs from sources, with the flags of `berth start`',
    `- ${findings.length} figures in ${(took / 60).toFixed(1)} minutes, ${missed} bars missed`,
    '',
    '| row | what was run | measured | bar | |',
    '| --- | --- | --- | --- | --- |',
    ...results.flatMap(lines),
    '',
  ].join('\n');
}
