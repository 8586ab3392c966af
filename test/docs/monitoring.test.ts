/** The dashboard and the alerts ask for metrics and labels that there are, in expressions that Prometheus's own grammar takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS, type MetricDefinition } from '../../src/metrics/definitions.ts';
import { ROOT } from './pages.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const read = (name: string): string => readFileSync(join(ROOT, 'examples/monitoring', name), 'utf8');
const rules = (
  parse(read('alerts.yaml')) as { kind: string; spec: { groups: { rules: Rule[] }[] } }
).spec.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('dashboard.json')) as {
  panels: Panel[];
  templating: { list: { name: string; query: string }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

/** Labels that a scrape adds. */
const OF_TARGETS = ['pod', 'namespace', 'instance', 'job'];
const SUFFIX = /_(bucket|sum|count)$/;
const definitions: Readonly<Record<string, MetricDefinition>> = METRICS;

function definitionOf(name: string): MetricDefinition | undefined {
  const own = definitions[name];
  if (own) return own.type === 'histogram' ? undefined : own;
  const histogram = definitions[name.replace(SUFFIX, '')];
  return histogram?.type === 'histogram' ? histogram : undefined;
}

/** What is wrong with an expression, in words. */
function faultsOf(expr: string): string[] {
  // Variables of Grafana stand for text of their kind.
  const text = expr.replaceAll('$__rate_interval', '5m').replaceAll('$server', '.*');
  const names = { metrics: new Set<string>(), labels: new Set<string>(), broken: 0 };
  parser.parse(text).iterate({
    enter: ({ type, name, from, to }) => {
      if (type.isError) names.broken++;
      if (name === 'Identifier') names.metrics.add(text.slice(from, to));
      if (name === 'LabelName') names.labels.add(text.slice(from, to));
    },
  });
  const found = [...names.metrics].map((name) => [name, definitionOf(name)] as const);
  const known = new Set([...OF_TARGETS, 'le', ...found.flatMap(([, one]) => one?.labels ?? [])]);
  return [
    ...(names.broken > 0 ? ['it is no expression'] : []),
    ...(found.length === 0 ? ['it names no metric'] : []),
    ...found.flatMap(([name, one]) => (one ? [] : [`there is no ${name}`])),
    ...[...names.labels].filter((label) => !known.has(label)).map((label) => `there is no label ${label}`),
  ];
}

it('the check finds what is wrong', () => {
  expect(faultsOf('sum(rate(mcp_requests_total[5m])')).toContain('it is no expression');
  expect(faultsOf('rate(mcp_requests[5m])')).toEqual(['there is no mcp_requests']);
  expect(faultsOf('mcp_request_duration_seconds')).toEqual(['there is no mcp_request_duration_seconds']);
  expect(faultsOf('sum by (agent) (mcp_requests_total)')).toEqual(['there is no label agent']);
  expect(faultsOf('1 + 1')).toEqual(['it names no metric']);
});

describe('the alert', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s', (_name, rule) => {
    expect(faultsOf(rule.expr)).toEqual([]);
    expect(rule.for).toMatch(/^\d+m$/);
    expect(['warning', 'critical']).toContain(rule.labels.severity);
    const told = `${rule.annotations.summary} ${rule.annotations.description}`;
    const grouped = /by \(([^)]*)\)/.exec(rule.expr)?.[1]?.split(/, */) ?? [];
    const used = [...told.matchAll(/\$labels\.(\w+)/g)].map((match) => match[1] ?? '');
    expect(used.filter((label) => !grouped.includes(label))).toEqual([]);
  });

  it('has a name of its own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(rules.length).toBeGreaterThan(5);
  });
});

describe('the panel', () => {
  it.each(panels.map((panel) => [panel.title, panel] as const))('%s', (_title, { targets = [], gridPos }) => {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr, legendFormat } of targets) {
      expect(faultsOf(expr)).toEqual([]);
      const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap((match) => (match[1] ?? '').split(/, */));
      const used = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '');
      expect(used.filter((label) => !grouped.includes(label))).toEqual([]);
    }
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });

  it('is chosen by servers that there are', () => {
    const { query = '' } = dashboard.templating.list.find(({ name }) => name === 'server') ?? {};
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
    expect(definitionOf(metric)?.labels).toContain(label);
  });
});
