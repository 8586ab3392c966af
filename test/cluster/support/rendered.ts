/** What the chart makes of values, as objects. */
import { parseAllDocuments } from 'yaml';
import { CHART, run } from './tools.ts';

export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes
  readonly [member: string]: any;
}

/** Of a release `berth`; `args` are helm's. */
export function render(namespace: string, args: readonly string[]): Manifest[] {
  const text = run('helm', ['template', 'berth', CHART, '-n', namespace, ...args]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
}

/** Flags of helm for single values. */
export const set = (...values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);

export function objectOf(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** The settings that a component's pods are given: JSON or YAML. */
export function settingsTextOf(objects: readonly Manifest[], component: 'controller' | 'gateway'): string {
  const { metadata } = objectOf(objects, 'Deployment', `berth-${component}`).spec.template;
  return metadata.annotations['berth.dev/settings'] as string;
}
