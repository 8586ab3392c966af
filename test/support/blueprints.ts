/** Blueprints of every kind of server, and settings as a chart would make them. */

import type { Blueprint, PodSettings, Program, Tree } from '../../src/cluster/objects/blueprint.ts';
import { PRIVATE_CIDRS } from '../../src/cluster/objects/network-policy.ts';

export const settings: PodSettings = {
  release: 'berth',
  releaseNamespace: 'mcp',
  images: { supervisor: 'berth-supervisor:1', runner: 'berth-runner:1' },
  pullPolicy: 'IfNotPresent',
  pullSecrets: [],
  resources: {
    supervisor: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '512Mi' } },
    workload: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '1', memory: '1Gi' } },
    installer: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } },
  },
  treeSize: '2Gi',
  scratchSize: '512Mi',
  installerEnv: [],
  registries: [],
  dns: {
    namespaceLabels: { 'kubernetes.io/metadata.name': 'kube-system' },
    podLabels: { 'k8s-app': 'kube-dns' },
  },
  privateCidrs: PRIVATE_CIDRS,
  remoteHosts: [],
  installSeconds: 900,
};

export const tree: Tree = {
  digest: 'd'.repeat(64),
  package: { ecosystem: 'npm', name: '@modelcontextprotocol/server-everything', version: '2026.8.31' },
  launch: {
    file: '/usr/local/bin/node',
    args: ['/berth/tree/node_modules/@modelcontextprotocol/server-everything/dist/index.js'],
    env: { LANG: 'C.UTF-8', PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/home/mcp' },
    cwd: '/home/mcp',
  },
};

export const programs: Readonly<Record<string, Program>> = {
  package: { kind: 'package', tree },
  'inline script': { kind: 'script', runtime: 'node', code: "console.log('hi')" },
  'mounted script': { kind: 'script', runtime: 'python', code: { name: 'code', key: 'main.py' } },
  'stdio image': {
    kind: 'image',
    image: {
      image: 'ghcr.io/acme/mcp:1',
      entrypoint: ['/srv/mcp', '--stdio'],
      runAsUser: 20_000,
      writablePaths: ['/var/cache'],
    },
  },
  'http image': {
    kind: 'sidecar',
    image: { image: 'ghcr.io/acme/http:1' },
    transport: 'streamable-http',
    port: 8080,
    path: '/mcp',
  },
  'websocket image': {
    kind: 'sidecar',
    image: { image: 'ghcr.io/acme/ws:1' },
    transport: 'websocket',
    port: 8080,
    path: '/ws',
  },
  archon: {
    kind: 'sidecar',
    image: { image: 'archon-mcp:1' },
    transport: 'sse',
    port: 8051,
    path: '/sse',
    healthPath: '/health',
  },
  remote: {
    kind: 'remote',
    url: 'https://mcp.example.com/mcp',
    transport: 'auto',
    headers: [{ name: 'authorization', scheme: 'Bearer', secretKeyRef: { name: 'mcp-key', key: 'token' } }],
  },
};

/** A server of one kind, with a secret where that kind can have one. */
export function blueprint(program: Program, more: Partial<Blueprint> = {}): Blueprint {
  return {
    owner: { name: 'demo', namespace: 'berth-servers', uid: '6f1c2c0e-0000-4000-8000-000000000001' },
    program,
    behavior: { isolation: 'session', sessions: 'minted', limits: { sessions: 40 } },
    args: program.kind === 'remote' ? [] : ['--verbose'],
    env: program.kind === 'remote' ? [] : [{ name: 'LOG', value: 'debug' }],
    secrets:
      program.kind === 'remote' ? [] : [{ name: 'API_KEY', secretKeyRef: { name: 'vendor', key: 'token' } }],
    configMaps: [],
    homeFiles: {},
    replicas: 2,
    drainSeconds: 300,
    resources: {},
    network: { egress: 'public', allow: [] },
    placement: {},
    ...more,
  };
}
