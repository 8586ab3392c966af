/** supervisor.json: what the supervisor of a replica has to know. No value of a secret is in it. */
import { pinnedEras } from '../../supervisor/handshake-report.ts';
import {
  type Blueprint,
  hasMetrics,
  METRICS_PORT,
  type PodSettings,
  type Program,
  type RemoteProgram,
  type Tree,
  treesUrl,
} from './blueprint.ts';
import { capacityOf, sparesOf } from './capacity.ts';
import { keptFolder } from './claim.ts';
import { LOOK_PROGRAM, PLACE, SPAWN_SOCKET, STATUS_FILE } from './places.ts';

type Launch = Tree['launch'];

const BASE_ENV = { LANG: 'C.UTF-8', TZ: 'UTC', NODE_ENV: 'production', PYTHONUNBUFFERED: '1' };
const TERMINATION_LOG = '/dev/termination-log';
/** Of a pod's grace period, kept for ending what has not ended by itself. */
const LAST_SECONDS = 10;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where the runner image and most others have them; found by `env`, which looks at PATH. */
const ENV_PROGRAM = '/usr/bin/env';

/** What of the operator's settings is in the file. */
export type FileSettings = Pick<
  PodSettings,
  'release' | 'releaseNamespace' | 'remoteHosts' | 'linkPort' | 'metrics' | 'resources'
>;

/** The file's text; the same blueprint gives the same text. */
export function supervisorJson(blueprint: Blueprint, settings: FileSettings): string {
  const { program } = blueprint;
  const { remoteHosts, linkPort } = settings;
  const isLocal = program.kind === 'sidecar';
  const spawns = !isLocal && program.kind !== 'remote';
  const config = {
    dataDir: PLACE.state,
    ...(spawns && { spawn: { socket: SPAWN_SOCKET } }),
    ...(linkPort !== undefined && { link: { port: linkPort, certificates: PLACE.certificates } }),
    status: STATUS_FILE,
    terminationLog: TERMINATION_LOG,
    drain: Math.max(0, blueprint.drainSeconds - LAST_SECONDS) * 1_000,
    ...(hasMetrics(blueprint, settings) && { metricsPort: METRICS_PORT }),
    ...(!spawns && { remote: { allowedHosts: isLocal ? ['127.0.0.1'] : remoteHosts } }),
    servers: [definition(blueprint, settings)],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Where the supervisor finds the value of a variable that is not in its configuration. */
export function secretFile(name: string): string {
  return `${PLACE.secrets}/${name}`;
}

/** The name that a header's value goes by among the files: a header's own name may not be one. */
export function headerFileName(index: number): string {
  return `header-${index}`;
}

/** Under which a script's text stands in the Secret of its generation. */
export const SCRIPT_KEY = 'script';

function definition(blueprint: Blueprint, settings: FileSettings): object {
  const { owner, behavior, program, secrets, configMaps, inspection } = blueprint;
  const spawns = program.kind !== 'sidecar' && program.kind !== 'remote';
  const { sessions, processes } = capacityOf(blueprint, settings);
  return {
    id: owner.uid,
    name: owner.name,
    isolation: behavior.isolation,
    sessions: behavior.sessions,
    ...(behavior.era && { eras: pinnedEras(behavior.era) }),
    ...(blueprint.knownEras && { knownEras: blueprint.knownEras }),
    limits: {
      ...behavior.limits,
      ...(processes !== undefined && { sessions }),
      ...(spawns && behavior.limits.spares !== undefined && { spares: sparesOf(blueprint, settings) }),
    },
    ...(processes !== undefined && { processes }),
    ...(Object.keys(behavior.health ?? {}).length > 0 && { health: behavior.health }),
    ...(inspection && { inspection: { look: LOOK }, secrets: inspection.secrets }),
    ...(spawns ? { launch: launchOf(blueprint, program) } : { remote: remoteOf(program) }),
    ...(program.kind === 'package' && {
      tree: { url: `${treesUrl(settings)}/trees/${program.tree.digest}`, into: PLACE.tree },
    }),
    ...(spawns &&
      secrets.length > 0 && {
        secretFiles: Object.fromEntries(secrets.map(({ name }) => [name, secretFile(name)])),
      }),
    ...(spawns &&
      configMaps.length > 0 && {
        valueFiles: Object.fromEntries(configMaps.map(({ name }) => [name, secretFile(name)])),
      }),
  };
}

/** Says what a package that was tried has left where it could write: its home, and what every container has. */
const LOOK = {
  file: ENV_PROGRAM,
  args: ['node', LOOK_PROGRAM, '~', PLACE.home, '/tmp', PLACE.tmp, '/dev/shm', '/dev/shm'],
};

type Spawned = Exclude<Program, { readonly kind: 'sidecar' | 'remote' }>;

function launchOf(blueprint: Blueprint, program: Spawned): Launch {
  const { file, args, env } = programOf(program);
  const given = Object.fromEntries(blueprint.env.map(({ name, value }) => [name, value]));
  const homeFiles = Object.entries(blueprint.homeFiles).map(([name, file]) => [
    name,
    `${keptFolder(blueprint)}/${file}`,
  ]);
  return {
    file,
    args: [...args, ...blueprint.args],
    env: { ...env, HOME: PLACE.home, TMPDIR: PLACE.tmp, ...Object.fromEntries(homeFiles), ...given },
    cwd: PLACE.home,
  };
}

function programOf(program: Spawned): Omit<Launch, 'cwd'> {
  const env = { ...BASE_ENV, PATH: SYSTEM_PATH };
  switch (program.kind) {
    case 'package':
      return program.tree.launch;
    case 'script': {
      const name = program.runtime === 'node' ? 'node' : 'python3';
      return { file: ENV_PROGRAM, args: [name, scriptPath(program.runtime)], env };
    }
    case 'image': {
      const [file = '', ...args] = program.image.entrypoint;
      return { file, args, env };
    }
  }
}

/** Where a script is in the workload. */
export function scriptPath(runtime: 'node' | 'python'): string {
  return `${PLACE.script}/${scriptFile(runtime)}`;
}

/** The suffix says what language it is; Node takes it for an ES module. */
export function scriptFile(runtime: 'node' | 'python'): string {
  return runtime === 'node' ? 'server.mjs' : 'server.py';
}

function remoteOf(program: Exclude<Program, Spawned>): object {
  if (program.kind === 'sidecar') {
    const { transport, port, path } = program;
    const scheme = transport === 'websocket' ? 'ws' : 'http';
    return { url: `${scheme}://127.0.0.1:${port}${path}`, transport, headers: {} };
  }
  return { url: program.url, transport: program.transport, headers: {}, ...headerFiles(program) };
}

function headerFiles({ headers }: RemoteProgram): object {
  if (headers.length === 0) return {};
  const files = headers.map(({ name, scheme }, index) => [
    name,
    { file: secretFile(headerFileName(index)), ...(scheme !== undefined && { scheme }) },
  ]);
  return { headerFiles: Object.fromEntries(files) };
}
