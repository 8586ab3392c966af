/** Who may import whom: section "Folders" of the design as a table. */
import type { SourceFile } from './source-files.ts';

/** Contracts of the supervisor, which those that use or implement them may import without importing the supervisor. */
const SUPERVISOR_CONTRACTS = [
  'handshake-report',
  'inspection-report',
  'launch',
  'remote-transport',
  'process-exit',
  'resource-limits',
  'said-line',
  'server-definition',
  'server-measure',
  'server-process',
  'server-report',
  'session-report',
].map((name) => `supervisor/${name}.ts`);

/**
 * Folders (or single files) that a folder may import, beside itself and {@link FOR_ALL}. The upper half is the data plane,
 * which knows nothing of management, packages or HTTP frameworks.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  jsonrpc: [],
  channels: ['jsonrpc'],
  sessions: ['jsonrpc', 'channels', ...SUPERVISOR_CONTRACTS],
  link: ['jsonrpc', 'channels', 'sessions', 'log', ...SUPERVISOR_CONTRACTS],
  transports: ['jsonrpc', 'sessions', 'link', 'auth', 'log', ...SUPERVISOR_CONTRACTS],
  supervisor: ['jsonrpc', 'channels', 'sessions', 'link', 'log'],

  'gateway.ts': ['transports', 'auth', 'log'],

  log: [],
  settings: [...SUPERVISOR_CONTRACTS, 'packages/package-pattern.ts'],
  auth: ['log'],
  packages: ['log', ...SUPERVISOR_CONTRACTS],
  templates: ['packages', 'log'],
  discovery: ['packages', 'templates', 'log'],
  servers: ['packages', 'templates', 'log', ...SUPERVISOR_CONTRACTS],
  inspection: ['servers', 'packages', 'templates', 'discovery', 'log', ...SUPERVISOR_CONTRACTS],
  groups: ['servers', 'log'],
  store: ['groups', 'servers', 'templates', 'log'],
  runtimes: [
    'auth/secret-store.ts',
    'logins',
    'metrics',
    'servers',
    'groups',
    'inspection',
    'templates',
    'supervisor',
    'channels',
    'sessions',
    'link',
    'log',
  ],
  traces: ['jsonrpc', 'sessions', 'transports/call-tracer.ts', 'log'],
  metrics: [
    'traces/span-count.ts',
    'transports',
    'sessions',
    'link',
    'servers',
    'discovery',
    'log',
    ...SUPERVISOR_CONTRACTS,
  ],
  api: [
    'clients',
    'logins',
    'metrics',
    'transports/body-budget.ts',
    'transports/client-body.ts',
    'transports/http-server.ts',
    'servers',
    'templates',
    'packages',
    'discovery',
    'inspection',
    'groups',
    'auth',
    'log',
  ],
  peers: ['auth/own-seal.ts', 'log'],
  control: [
    'auth/own-seal.ts',
    'peers',
    'servers',
    'templates',
    'packages',
    'discovery',
    'inspection',
    'groups',
    'log',
  ],
  cluster: [
    'metrics',
    'runtimes',
    'servers',
    'groups',
    'inspection',
    'link',
    'jsonrpc',
    'log',
    'packages/package.ts',
    ...SUPERVISOR_CONTRACTS,
  ],
  controller: [
    'cluster',
    'metrics',
    'servers',
    'templates',
    'packages',
    'link',
    'log',
    'settings/schema.ts',
    'trees/token.ts',
    'auth/key-ring.ts',
    ...SUPERVISOR_CONTRACTS,
  ],
  trees: ['log'],
  background: ['supervisor'],
  logins: ['channels', 'servers', 'auth/private-file.ts', 'runtimes/remote-lookup.ts'],
  installer: ['packages', 'log', ...SUPERVISOR_CONTRACTS],
  clients: [],
  client: [],
  cli: [
    'main.ts',
    'gateway.ts',
    'auth',
    'settings',
    'log',
    'clients',
    'client/lines.ts',
    'inspection/report.ts',
    'cluster/doctor/doctor.ts',
    'cluster/doctor/finding.ts',
    'cluster/doctor/known.ts',
    'background/main.ts',
    'background/end.ts',
    'background/launch.ts',
  ],
};

const FOR_ALL: ReadonlySet<string> = new Set([
  'clock.ts',
  'errors.ts',
  'exact-json.ts',
  'histogram.ts',
  'mounted-files.ts',
  'stop-signals.ts',
  'undo.ts',
  'version.ts',
]);

/** Libraries that belong to some folders; those that are not named here may be used anywhere outside the data plane. */
const LIBRARY_OWNERS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^@kubernetes\//, ['cluster']],
  [/^(@peculiar\/|reflect-metadata$)/, ['controller']],
  [/^(hono|@hono\/.*)(\/|$)/, ['api', 'control']],
  [/^@modelcontextprotocol\//, ['control']],
  [/^(commander|@bomb\.sh\/tab\/commander)$/, ['cli']],
  [/^@opentelemetry\//, ['traces']],
  [/^pino$/, ['log']],
  [/^ws$/, ['transports', 'channels', 'cluster']],
  [/^yaml$/, ['settings', 'controller', 'cli', 'clients']],
  [/^(jsonc-parser|smol-toml)$/, ['clients']],
  [/^node:sqlite$/, ['store']],
  [/^node:child_process$/, ['supervisor', 'packages', 'cli', 'installer', 'background']],
  [/^(npm|npm-.*|make-fetch-happen|@socketregistry\/.*)(\/|$)/, ['packages']],
  [/^(semver|@renovatebot\/.*)(\/|$)/, ['packages', 'discovery']],
  [/^(@leeoniya\/ufuzzy|sax)$/, ['discovery']],
  [/^oauth4webapi$/, ['logins']],
];
const DATA_PLANE: ReadonlySet<string> = new Set(['jsonrpc', 'channels', 'sessions', 'link', 'transports']);
const DATA_PLANE_LIBRARIES = /^(node:.*|ws)$/;

/** What a file imports against the rules, in words; nothing when it keeps them. */
export function breaches({ path, imports }: SourceFile): string[] {
  if (path === 'main.ts' || path.endsWith('/main.ts'))
    return imports.filter(leavesSource).map((name) => `${path} imports ${name}`);
  const folder = folderOf(path);
  if (!FOR_ALL.has(path) && MAY_IMPORT[folder] === undefined)
    return [`${path} is in no folder of test/architecture/rules.ts`];
  return imports.filter((name) => !mayImport(folder, name)).map((name) => `${path} imports ${name}`);
}

/** Published as a library: it stands alone. */
const ALONE = 'client';

function mayImport(folder: string, name: string): boolean {
  if (leavesSource(name)) return false;
  if (folder === ALONE) return folderOf(name) === ALONE && name.endsWith('.ts');
  if (!name.endsWith('.ts')) return mayUseLibrary(folder, name);
  const allowed = MAY_IMPORT[folder] ?? [];
  return (
    FOR_ALL.has(name) ||
    folderOf(name) === folder ||
    allowed.includes(folderOf(name)) ||
    allowed.includes(name)
  );
}

function mayUseLibrary(folder: string, name: string): boolean {
  if (DATA_PLANE.has(folder) && !DATA_PLANE_LIBRARIES.test(name)) return false;
  return LIBRARY_OWNERS.every(([library, owners]) => !library.test(name) || owners.includes(folder));
}

function leavesSource(name: string): boolean {
  return name.startsWith('../');
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}
