/** What an inspection has found, as a page for a person. */
import type { InspectionReport, Json } from '../inspection/report.ts';
import type { FailureAnswer } from './client.ts';
import { clean } from './failure.ts';
import { formatTable } from './table.ts';

export interface InspectionAnswer {
  readonly report: Omit<InspectionReport, 'failure'> & { readonly failure?: FailureAnswer };
  readonly pinned?: { readonly slug: string; readonly server: unknown };
}

interface View {
  /** With prompts, resources and all files. */
  readonly wide: boolean;
  /** Name of the template that it was saved as. */
  readonly saved: string | undefined;
  /** The file that the template was written to. */
  readonly out: string | undefined;
}

const FEW = 5;
const MOST_TEXT = 80;

export function inspectionText({ report, pinned }: InspectionAnswer, view: View): string {
  const facts = factsOf(report, view.wide).filter((row): row is [string, string] => row[1] !== undefined);
  const width = Math.max(...facts.map(([label]) => label.length));
  const lines = facts.map(([label, value]) => `  ${label.padEnd(width)}   ${value}\n`);
  const next = pinned ? `\n${nextStep(pinned.slug, view)}\n` : '';
  return clean([headline(report), '\n', ...lines, ...listsOf(report, view.wide), next].join(''));
}

function headline({
  package: { ecosystem, name },
  server,
  result,
  ...report
}: InspectionAnswer['report']): string {
  if (result === 'failed' || !server) return `${ecosystem}:${name} did not come through\n`;
  const counts = (['tools', 'prompts', 'resources'] as const).map((list) => countText(list, report[list]));
  return `${server.name} ${server.version}: ${counts.join(', ')}, speaks ${server.eras.join(' and ')}\n`;
}

function countText(name: string, list: readonly Json[] | 'unknown'): string {
  if (list === 'unknown') return `${name} unknown`;
  return list.length === 1 ? `1 ${name.slice(0, -1)}` : `${list.length} ${name}`;
}

function factsOf(
  report: InspectionAnswer['report'],
  wide: boolean,
): (readonly [string, string | undefined])[] {
  const { package: found, engine, sandbox, phases, peakMemoryBytes, hosts, inputs, stderr } = report;
  const needs =
    engine.needs === 'unknown'
      ? 'needs unknown'
      : Object.entries(engine.needs)
          .map(([name, range]) => `needs ${name} ${range}`)
          .join(', ') || 'names no need';
  const memory = peakMemoryBytes === 'unknown' ? 'unknown' : `${Math.ceil(peakMemoryBytes / 1024 ** 2)} MiB`;
  const shown = wide ? stderr : stderr.slice(0, FEW);
  return [
    ['package', `${found.ecosystem}:${found.name} ${found.version}`],
    ['integrity', found.integrity],
    ['engine', `${needs}; ran on ${engine.used}`],
    [
      'provenance',
      report.provenance === 'known' ? 'the registry has a statement of where it was built' : 'unknown',
    ],
    ['signatures', signaturesText(report.signatures)],
    ['sandbox', `${sandbox.kind}, ${NETWORK[sandbox.network]}${enforcedText(sandbox)}`],
    ['times', phases.map(({ phase, ms }) => `${phase} ${(ms / 1_000).toFixed(1)} s`).join(', ')],
    ['memory', peakMemoryBytes === 'unknown' ? memory : `${memory} at most`],
    ['files', filesText(report, wide)],
    [
      'hosts',
      hosts === 'unknown'
        ? 'unknown'
        : hosts.length === 0
          ? 'asked for none'
          : `asked for ${hosts.join(', ')}`,
    ],
    ['made up', inputs.length > 0 ? inputs.join(', ') : undefined],
    ...shown.map((line, index) => [index === 0 ? 'stderr' : '', line] as const),
  ];
}

const NETWORK = {
  none: 'no network',
  machine: 'the network of the machine',
  public: 'public addresses only',
} as const;

/** In a sandbox of this machine the kernel has none for it, and there is nothing to say. */
function enforcedText({ kind, enforced }: InspectionAnswer['report']['sandbox']): string {
  if (kind !== 'pod' || enforced === undefined) return '';
  if (enforced === 'yes') return ' (seen to be enforced)';
  return enforced === 'no' ? ' (NOT ENFORCED by this cluster)' : ' (whether that is enforced is unknown)';
}

function signaturesText(found: InspectionAnswer['report']['signatures']): string {
  if (found === 'unknown') return 'unknown';
  const { total, verified, forged } = found;
  const rest = total - verified - forged.length;
  const bad = forged.length > 0 ? [`FORGED: ${forged.join(', ')}`] : [];
  const open = rest > 0 ? [`${rest} unknown`] : [];
  return [...bad, `${verified} of ${total} packages signed by their registry`, ...open].join('; ');
}

function filesText({ filesWritten }: InspectionAnswer['report'], wide: boolean): string {
  if (filesWritten === 'unknown') return 'what it left and read is unknown';
  const { files, total, elsewhere } = filesWritten;
  const listed = (wide ? files : files.slice(0, FEW)).map(({ path, bytes }) => `${path} (${bytes} bytes)`);
  const more = total > listed.length ? [`${total - listed.length} more`] : [];
  const left = total === 0 ? 'left none' : `left ${[...listed, ...more].join(', ')}`;
  return `${left}${elsewhere === 'none' ? '' : '; elsewhere unknown'}; what it read is unknown`;
}

function listsOf(report: InspectionAnswer['report'], wide: boolean): string[] {
  const tools = tableOf('TOOL', report.tools, 'name');
  if (!wide) return [tools];
  return [
    tools,
    tableOf('PROMPT', report.prompts, 'name'),
    tableOf('RESOURCE', report.resources, 'uri'),
    tableOf('RESOURCE TEMPLATE', report.resourceTemplates, 'uriTemplate'),
  ];
}

function tableOf(head: string, list: readonly Json[] | 'unknown', member: string): string {
  if (list === 'unknown' || list.length === 0) return '';
  const rows = list.map((entry) => [String(entry[member] ?? ''), textOf(entry.description)]);
  return `\n${formatTable([head, 'DESCRIPTION'], rows)}`;
}

function textOf(description: unknown): string {
  const text = typeof description === 'string' ? (description.trim().split('\n')[0] ?? '') : '';
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 2).replace(/\s+\S*$/, '')} …`;
}

function nextStep(slug: string, { saved, out }: View): string {
  if (saved !== undefined) return `Saved as the template ${saved}. Next: berth run ${saved}`;
  if (out !== undefined)
    return `Written to ${out}. Next: berth catalog import ${out}, then berth run ${slug}`;
  return 'Next: the same with --save makes a template of exactly this version';
}
