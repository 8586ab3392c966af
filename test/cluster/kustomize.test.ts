/** The objects for `kubectl apply -k` are those of the chart, and run when they are applied; so does the example of a sidecar. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { IMAGES, NODE_IMAGE } from './support/images.ts';
import { imagesValues, type Values } from './support/release.ts';
import { applyDefinition, attempt, CHART, ROOT, removeNamespaces, run, uniqueName } from './support/tools.ts';

const EXAMPLES = `${ROOT}examples/kustomize`;
const folder = mkdtempSync(join(tmpdir(), 'berth-kustomize-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** Of an application that ends when it is told to: `sleep` alone would be killed after the minute that its pod has. */
const WAIT = `'trap exit TERM; sleep infinity & wait'`;
/** Calls the server of `MCP_URL`, without a key, and prints what it said. */
const CALL = `
const post = async (message, session) => {
  const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const answer = await fetch(process.env.MCP_URL, {
    method: 'POST',
    headers: session ? { ...accept, 'mcp-session-id': session } : accept,
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
  const text = await answer.text();
  return { session: answer.headers.get('mcp-session-id'), result: JSON.parse(text.slice(text.indexOf('{')) || '{}').result };
};
const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'agent', version: '1' } };
const { session } = await post({ id: 1, method: 'initialize', params: client });
const { result } = await post({ id: 2, method: 'tools/call', params: { name: 'roll', arguments: {} } }, session);
console.log(result.content[0].text);
`;

/** What the chart makes, without what only helm understands. */
function base(name = 'berth', namespace = 'mcp', more: Values = {}): string {
  const args = ['template', name, CHART, '-n', namespace, '-f', `${EXAMPLES}/values.yaml`, '-f', '-'];
  const text = run('helm', args, JSON.stringify(more));
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

describe('applied at once, with names of this run', () => {
  const name = uniqueName();
  const [namespace, servers] = [`${name}-mcp`, `${name}-servers`];
  const made = join(folder, 'made');
  const kubectl = (...args: string[]): string => run('kubectl', ['-n', namespace, ...args]);
  const rename = (text: string): string =>
    text
      .replaceAll(/\bberth-servers\b/g, servers)
      .replaceAll(/: berth-(gateway|keys)\b/g, `: ${name}-$1`)
      .replaceAll(/BERTH_RELEASE, value: berth\b/g, `BERTH_RELEASE, value: ${name}`)
      .replaceAll(/(name(?:space)?): mcp\b/g, `$1: ${namespace}`);

  beforeAll(() => {
    applyDefinition();
    cpSync(`${EXAMPLES}/base`, made, { recursive: true });
    writeFileSync(join(made, 'secrets/keys'), `admin:${'0'.repeat(64)}`);
    const values = {
      images: imagesValues(IMAGES),
      servers: { namespace: servers, defaults: { drainSeconds: 5 } },
      gateway: { preStopSeconds: 1 },
    };
    // With the definition, as a person applies it; removed without, as other runs share it.
    writeFileSync(join(made, 'berth.yaml'), base(name, namespace, values));
    for (const file of ['namespace.yaml', 'kustomization.yaml'])
      writeFileSync(join(made, file), rename(readFileSync(join(made, file), 'utf8')));
    run('kubectl', ['apply', '-k', made]);
    writeFileSync(join(made, 'berth.yaml'), base(name, namespace, { ...values, crds: { install: false } }));
    for (const part of ['gateway', 'controller', 'trees'])
      kubectl('rollout', 'status', `deployment/${name}-${part}`, '--timeout=150s');
  });

  afterAll(() => {
    attempt('kubectl', ['delete', 'mcps', '--all', '-n', servers, '--timeout=60s']);
    attempt('kubectl', ['delete', '-k', made, '--ignore-not-found', '--timeout=90s']);
    removeNamespaces(namespace, servers);
  });

  it('brings images whose gateway has no package manager and whose users are nobody else', () => {
    const inside = (part: string, command: string): string =>
      kubectl('exec', `deployment/${name}-${part}`, '--', 'sh', '-c', command).trim();
    for (const part of ['gateway', 'controller']) {
      expect(inside(part, 'id -u; id -g')).toBe('10001\n10001');
      expect(inside(part, 'command -v npm npx uv uvx pip python3 corepack; true')).toBe('');
      expect(inside(part, 'touch /app/x 2>&1; true')).toMatch(/Read-only file system/);
    }
  });

  it('serves an application that has a gateway in its own pod', async () => {
    const sample = `${ROOT}examples/servers/script.yaml`;
    onTestFinished(() => void run('kubectl', ['delete', '-n', servers, '-f', sample]));
    run('kubectl', ['apply', '-n', servers, '-f', sample]);
    const sidecar = rename(readFileSync(`${ROOT}examples/sidecar/deployment.yaml`, 'utf8'))
      .replace('image: berth:0.1.0', `image: ${IMAGES.gateway}`)
      .replace('image: my-agent:1.0.0', `image: ${NODE_IMAGE}\n          command: [sh, -c, ${WAIT}]`)
      .replace('/servers/everything/', '/servers/dice/');
    onTestFinished(() => void run('kubectl', ['delete', '-f', '-'], sidecar));
    run('kubectl', ['apply', '-f', '-'], sidecar);
    run('kubectl', ['wait', '-n', servers, 'mcps/dice', '--for=condition=Ready', '--timeout=120s']);
    kubectl('rollout', 'status', 'deployment/my-agent', '--timeout=120s');
    const inAgent = (command: string, ...args: string[]): string =>
      kubectl('exec', 'deployment/my-agent', '-c', 'agent', '--', command, ...args);
    expect(inAgent('node', '--input-type=module', '--eval', CALL)).toMatch(/^a [1-6] of 6$/m);
    // The application has no token, and nothing but the pod itself reaches the gateway.
    expect(inAgent('sh', '-c', 'ls /var/run/secrets/kubernetes.io 2>&1; true')).toMatch(/No such file/);
    const ip = kubectl(
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/name=my-agent',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    );
    await expect(fetch(`http://${ip}:8053/livez`)).rejects.toThrow();
  });
});
