/** The objects for `kubectl apply -k` are those of the chart, and an API server takes them, and so the example of a sidecar. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { applyDefinition, attempt, CHART, ROOT, run } from './support/tools.ts';

const EXAMPLES = `${ROOT}examples/kustomize`;
const folder = mkdtempSync(join(tmpdir(), 'berth-kustomize-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** What the chart makes, without what only helm understands. */
function base(): string {
  const text = run('helm', ['template', 'berth', CHART, '-n', 'mcp', '-f', `${EXAMPLES}/values.yaml`]);
  const plain = text
    .replaceAll('app.kubernetes.io/managed-by: Helm', 'app.kubernetes.io/managed-by: kustomize')
    .replace(/^ *helm\.sh\/.*\n/gm, '')
    .replace(/^# Source: .*\n/gm, '');
  return `# Made from the chart; see values.yaml beside the folder.\n${plain.trimEnd()}\n`;
}

it('the base is what the chart makes', async () => {
  await expect(base()).toMatchFileSnapshot(`${EXAMPLES}/base/berth.yaml`);
});

it('the base asks for the keys that nobody has made', () => {
  const { ok, err } = attempt('kubectl', ['kustomize', `${EXAMPLES}/base`]);
  expect(ok).toBe(false);
  expect(err).toMatch(/secrets\/keys/);
});

it('an API server takes the base, its server and the sidecar', () => {
  applyDefinition();
  cpSync(`${EXAMPLES}/base`, folder, { recursive: true });
  writeFileSync(join(folder, 'secrets/keys'), `admin:${'0'.repeat(64)}`);
  const text = run('kubectl', ['kustomize', folder]);
  expect(text).toContain('name: berth-api-keys\n');
  const taken = (...args: string[]): string =>
    attempt('kubectl', ['apply', '--server-side', '--force-conflicts', '--validate=strict', ...args], text)
      .err;
  const namespaces = ['mcp', 'berth-servers'].filter(
    (name) => attempt('kubectl', ['create', 'namespace', name]).ok,
  );
  try {
    expect(taken('--dry-run=server', '-f', '-')).toBe('');
    expect(taken('--dry-run=server', '-f', `${EXAMPLES}/server.yaml`)).toBe('');
    expect(taken('--dry-run=server', '-f', `${ROOT}examples/sidecar/deployment.yaml`)).toBe('');
  } finally {
    if (namespaces.length > 0) run('kubectl', ['delete', 'namespace', ...namespaces]);
  }
});
