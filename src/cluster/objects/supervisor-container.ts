/** The container that owns sessions and serves gateways; it holds what no process of a server may see. */
import type { SecretKeyRef } from '../mcp-server.ts';
import { type Blueprint, hasMetrics, METRICS_PORT, type PodSettings } from './blueprint.ts';
import { caEnv, caMounts, caVolumes } from './ca.ts';
import { linkSecretName } from './naming.ts';
import { CONFIG_FILE, LINK_PORT_NAME, LINK_SOCKET, PLACE, STATUS_FILE, SUPERVISOR } from './places.ts';
import type { Container, Probe, Volume } from './pod-types.ts';
import { ownContainer } from './security.ts';
import { headerFileName } from './supervisor-json.ts';

const GROUP_READABLE = 0o440;

/**
 * Seconds without a new status, which is written every second, after which a supervisor gets no new sessions: it hangs, or is slower
 * than any other replica.
 */
const READY_SECONDS = 5;
/**
 * Kubelet pays about 45 ms of a processor for each probe that it runs in a container: a node full of idle servers is busy with nothing
 * else if it asks often. So it asks seldom, and the probe itself waits for what starts and tells it at once when it is ready.
 */
const READY_PERIOD = 5;
const READY_WAIT_MS = 4_000;
const LIVE_PERIOD = 20;
/**
 * For its life. Longer than the time between two probes, so that it is found dead only when it has said nothing in all of them together:
 * seventy seconds. A node that is overloaded makes it slow, and its sessions with it, but ends none.
 */
const LIVE_SECONDS = 30;
const LIVE_PROBES = 3;
/** Seconds to end by itself. The drain of the pod is for one that can still speak with its clients. */
const LAST_SECONDS = 5;

export function supervisorContainer(blueprint: Blueprint, settings: PodSettings): Container {
  const hasSecrets = hasSecretFiles(blueprint);
  return {
    ...ownContainer(SUPERVISOR, 'supervisor', settings),
    // The image's entry point is an init that runs Node, which can so be killed and leaves no dead processes.
    args: ['/app/dist/supervisor/main.js', '--socket', LINK_SOCKET, '--config', CONFIG_FILE],
    ...(settings.caBundle && { env: caEnv(settings) }),
    ...portsOf(blueprint, settings),
    resources: settings.resources.supervisor,
    volumeMounts: [
      { name: 'config', mountPath: PLACE.config, readOnly: true },
      ...(hasSecrets ? [{ name: 'secrets', mountPath: PLACE.secrets, readOnly: true }] : []),
      ...(settings.linkPort === undefined
        ? []
        : [{ name: 'certificates', mountPath: PLACE.certificates, readOnly: true }]),
      { name: 'link', mountPath: PLACE.link },
      ...(isPackage(blueprint) ? [{ name: 'tree', mountPath: PLACE.tree }] : []),
      { name: 'state', mountPath: PLACE.state },
      { name: 'status', mountPath: PLACE.status },
      ...caMounts(settings),
    ],
    readinessProbe: {
      exec: probe('ready', READY_SECONDS, READY_WAIT_MS),
      timeoutSeconds: 10,
      periodSeconds: READY_PERIOD,
      failureThreshold: 1,
    },
    livenessProbe: {
      exec: probe('live', LIVE_SECONDS),
      timeoutSeconds: 5,
      initialDelaySeconds: 10,
      periodSeconds: LIVE_PERIOD,
      failureThreshold: LIVE_PROBES,
      terminationGracePeriodSeconds: LAST_SECONDS,
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** The folders of {@link supervisorContainer}. */
export function supervisorVolumes(blueprint: Blueprint, settings: PodSettings, secret: string): Volume[] {
  const items = [{ key: 'supervisor.json', path: 'supervisor.json' }];
  return [
    { name: 'config', secret: { secretName: secret, defaultMode: GROUP_READABLE, items } },
    ...secretVolume(blueprint),
    ...certificateVolume(blueprint, settings),
    { name: 'link', emptyDir: { sizeLimit: '1Mi' } },
    // The archive of a package is there while it is unpacked.
    { name: 'state', emptyDir: { sizeLimit: isPackage(blueprint) ? settings.scratchSize : '64Mi' } },
    // In memory: a disk that is full or slow must not make it look dead.
    { name: 'status', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    ...caVolumes(settings),
  ];
}

function isPackage({ program }: Blueprint): boolean {
  return program.kind === 'package';
}

function portsOf(blueprint: Blueprint, settings: PodSettings): Pick<Container, 'ports'> {
  const { linkPort } = settings;
  const ports = [
    ...(hasMetrics(blueprint, settings) ? [{ name: 'metrics', containerPort: METRICS_PORT }] : []),
    ...(linkPort === undefined ? [] : [{ name: LINK_PORT_NAME, containerPort: linkPort, protocol: 'TCP' }]),
  ];
  return ports.length > 0 ? { ports } : {};
}

/** Not by a generation: it is renewed under the running pod. */
function certificateVolume({ owner }: Blueprint, { linkPort }: PodSettings): Volume[] {
  if (linkPort === undefined) return [];
  return [
    { name: 'certificates', secret: { secretName: linkSecretName(owner), defaultMode: GROUP_READABLE } },
  ];
}

/** One file for each value, from whichever Secrets and ConfigMaps they are in; no sub-path, so that a change arrives. */
function secretVolume(blueprint: Blueprint): Volume[] {
  const sources = [
    ...filesOf(blueprint).map(({ name, ref }) => ({ secret: toSource(name, ref) })),
    ...configFilesOf(blueprint).map(({ name, configMapKeyRef: ref }) => ({ configMap: toSource(name, ref) })),
  ];
  if (sources.length === 0) return [];
  return [{ name: 'secrets', projected: { defaultMode: GROUP_READABLE, sources } }];
}

function toSource(path: string, { name, key }: SecretKeyRef) {
  return { name, items: [{ key, path }] };
}

/** Whether the supervisor reads values from files. */
function hasSecretFiles(blueprint: Blueprint): boolean {
  return filesOf(blueprint).length + configFilesOf(blueprint).length > 0;
}

/** Kubernetes itself gives them to a program in a container of its own. */
function configFilesOf({ configMaps, program }: Blueprint): Blueprint['configMaps'] {
  return program.kind === 'sidecar' || program.kind === 'remote' ? [] : configMaps;
}

function filesOf({ secrets, program }: Blueprint) {
  if (program.kind === 'sidecar') return [];
  if (program.kind === 'remote')
    return program.headers.map(({ secretKeyRef }, index) => ({
      name: headerFileName(index),
      ref: secretKeyRef,
    }));
  return secrets.map(({ name, secretKeyRef }) => ({ name, ref: secretKeyRef }));
}

/** `seconds`: how old the status may be. `waitMs`: how long to wait while it starts. */
function probe(mode: 'ready' | 'live', seconds: number, waitMs = 0): NonNullable<Probe['exec']> {
  const wait = waitMs > 0 ? ['--wait-ms', `${waitMs}`] : [];
  const status = ['--status', STATUS_FILE, '--mode', mode, '--max-age', `${seconds}`, ...wait];
  return { command: [PLACE.spawnProgram, 'probe', ...status] };
}
