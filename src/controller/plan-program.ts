/** Programs that are no packages: images, archon, scripts and servers elsewhere. */
import type { EnvEntry, McpServerSource, McpServerSpec } from '../cluster/mcp-server.ts';
import type { Program, RemoteProgram, Sidecar } from '../cluster/objects/blueprint.ts';
import { BerthError } from '../errors.ts';
import { createRemotePolicy } from '../servers/remote-policy.ts';
import type { ServerSpec } from '../servers/server-spec.ts';
import type { ControllerSettings } from './settings.ts';

const ARCHON_PORT = 8051;
const HTTP_PORT = 8080;
type ProgramGate = 'images' | 'archon' | 'scripts' | 'remote';

/** A program, and variables that come with it. */
export interface PlannedProgram {
  readonly program: Program;
  readonly env: readonly EnvEntry[];
}

/** Throws `not-allowed` or `bad-input`. */
export function planProgram(
  resource: McpServerSpec,
  spec: ServerSpec,
  settings: ControllerSettings,
): PlannedProgram {
  const { archon, script, remote } = spec.source ?? {};
  if (archon) return archonProgram(resource.source?.archon ?? {}, spec, settings);
  if (remote) return { program: remoteProgram(resource, settings), env: [] };
  if (script) {
    checkGate('scripts', settings);
    const { runtime, code, configMapRef } = script;
    return { program: { kind: 'script', runtime, code: code ?? configMapRef ?? '' }, env: [] };
  }
  return { program: imageProgram(spec, resource, settings), env: [] };
}

function imageProgram(
  { transport = 'stdio', port }: ServerSpec,
  { source }: McpServerSpec,
  settings: ControllerSettings,
): Program {
  checkGate('images', settings);
  const image = source?.image;
  if (!image) throw new BerthError('bad-input', 'the server has no source');
  checkImage(image.image, settings);
  if (transport !== 'stdio') return sidecar(image, transport, checkPort(port ?? HTTP_PORT, settings));
  const [file, ...args] = image.entrypoint ?? [];
  if (file?.startsWith('/')) return { kind: 'image', image: { ...image, entrypoint: [file, ...args] } };
  throw new BerthError(
    'bad-input',
    'an image that speaks stdio needs an entrypoint that begins with an absolute path',
    {
      fields: [
        { pointer: '/source/image/entrypoint', detail: 'must begin with the absolute path of the program' },
      ],
      hint: 'Look up the program of the image, for example with: docker inspect.',
    },
  );
}

/** The admission policy of the chart says the same, later and with fewer words. */
function checkImage(image: string, { allowedImages }: ControllerSettings): void {
  const isAllowed = (entry: string): boolean =>
    entry === '*' || entry === image || (/[/:@]$/.test(entry) && image.startsWith(entry));
  if (allowedImages.some(isAllowed)) return;
  throw new BerthError('not-allowed', `the image ${image} is not allowed here`, {
    hint: 'An operator has to add it, or what its name begins with, to servers.allowedImages of the chart.',
  });
}

function archonProgram(
  given: NonNullable<McpServerSource['archon']>,
  spec: ServerSpec,
  settings: ControllerSettings,
): PlannedProgram {
  checkGate('archon', settings);
  const { pullPolicy } = given;
  const image = given.image ?? settings.archonImage;
  if (image === undefined)
    throw new BerthError('missing-input', 'there is no image for archon servers', {
      hint: 'An operator has to set images.archon of the chart; or give source.archon.image.',
    });
  const port = checkPort(archonPort(spec), settings);
  const env = {
    ARCHON_MCP_HOST: '0.0.0.0',
    ARCHON_MCP_PORT: `${port}`,
    LOG_LEVEL: 'INFO',
    DEPLOYMENT_MODE: 'kubernetes',
    SERVICE_DISCOVERY_MODE: 'kubernetes',
    KUBERNETES_NAMESPACE: settings.namespace,
  };
  const own = Object.entries(env).filter(
    ([name]) => ![spec.env, spec.secrets, spec.configMaps ?? {}].some((given) => name in given),
  );
  return {
    program: {
      ...sidecar({ image, ...(pullPolicy && { pullPolicy }) }, archonTransport(spec), port),
      healthPath: '/health',
    },
    env: own.map(([name, value]) => ({ name, value })),
  };
}

/** It listens where its variable says, so that is where it is asked. */
function archonPort({ port, env }: ServerSpec): number {
  const given = Number(env.ARCHON_MCP_PORT);
  const isPort = Number.isInteger(given) && given > 0 && given < 65_536;
  return port ?? (isPort ? given : ARCHON_PORT);
}

/** A pod has one network: two of its programs cannot have one port. */
function checkPort(port: number, { pods }: ControllerSettings): number {
  if (port !== pods.linkPort) return port;
  throw new BerthError('bad-input', `port ${port} is that of the supervisor's link`, {
    fields: [{ pointer: '/port', detail: `must not be ${port}, where the supervisor listens` }],
    hint: 'Let the image listen on another port.',
  });
}

/** Where programs listen that are reached by a URL. */
const SPOKEN = {
  http: { transport: 'streamable-http', path: '/mcp' },
  sse: { transport: 'sse', path: '/sse' },
  websocket: { transport: 'websocket', path: '/ws' },
} as const;

function sidecar(image: Sidecar['image'], transport: keyof typeof SPOKEN, port: number): Sidecar {
  return { kind: 'sidecar', image, port, ...SPOKEN[transport] };
}

/** As its own variable has them. */
const ARCHON_TRANSPORTS: Readonly<Record<string, keyof typeof SPOKEN>> = {
  sse: 'sse',
  http: 'http',
  'streamable-http': 'http',
};

/** Its own is SSE, unless its variable says otherwise. */
function archonTransport({ transport, env }: ServerSpec): keyof typeof SPOKEN {
  if (transport !== undefined && transport !== 'stdio') return transport;
  return ARCHON_TRANSPORTS[env.TRANSPORT ?? ''] ?? 'sse';
}

function remoteProgram({ source }: McpServerSpec, settings: ControllerSettings): RemoteProgram {
  checkGate('remote', settings);
  const { url = '', transport = 'auto', headers = [] } = source?.remote ?? {};
  createRemotePolicy(settings.pods.remoteHosts).check(new URL(url));
  return { kind: 'remote', url, transport, headers };
}

function checkGate(gate: ProgramGate, { allow }: ControllerSettings): void {
  if (allow[gate]) return;
  throw new BerthError('not-allowed', `${gate} are not allowed here (allow.${gate}=false)`, {
    hint: `An operator has to set allow.${gate}=true in the values of the chart.`,
  });
}
