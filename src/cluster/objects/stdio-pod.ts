/** A replica whose program speaks on standard input and output: package, script or image. */
import type { Blueprint, PodSettings, Program } from './blueprint.ts';
import { caMounts } from './ca.ts';
import { mostProcesses } from './capacity.ts';
import { claimMounts, claimVolumes, homeMounts, homeVolumes } from './claim.ts';
import { HELPER, PLACE, SPAWN_SOCKET, UID, WORKLOAD } from './places.ts';
import type { Container, Volume, VolumeMount } from './pod-types.ts';
import { containerSecurity, ownContainer, serverImage } from './security.ts';
import { supervisorContainer, supervisorVolumes } from './supervisor-container.ts';
import { SCRIPT_KEY, scriptFile } from './supervisor-json.ts';
import { workloadResources } from './workload-resources.ts';
import { writableMounts, writableVolumes } from './writable.ts';

const READABLE = 0o444;

export interface PodParts {
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

/**
 * `secret` names the Secret of the generation. Each init container holds a start up for a second or two, as kubelet looks once a
 * second whether it has ended: so there is one only where the image of the workload is not ours and lacks the helper.
 */
export function stdioPod(blueprint: Blueprint, settings: PodSettings, secret: string): PodParts {
  const { program } = blueprint;
  return {
    initContainers: isForeign(program) ? [helperContainer(settings)] : [],
    containers: [supervisorContainer(blueprint, settings), workload(blueprint, settings)],
    volumes: [
      ...supervisorVolumes(blueprint, settings, secret),
      ...(isForeign(program) ? [{ name: 'helper', emptyDir: { sizeLimit: '16Mi' } }] : []),
      ...programVolumes(program, secret, settings),
      ...homeVolumes(blueprint, settings),
      { name: 'tmp', emptyDir: { sizeLimit: settings.scratchSize } },
      ...writableVolumes(imageOf(program), settings),
      ...claimVolumes(blueprint),
    ],
  };
}

function helperContainer(settings: PodSettings): Container {
  return {
    ...ownContainer('helper', 'supervisor', settings),
    command: [PLACE.spawnProgram, 'copy', HELPER],
    resources: settings.resources.supervisor,
    volumeMounts: [{ name: 'helper', mountPath: PLACE.helper }],
  };
}

function workload(blueprint: Blueprint, settings: PodSettings): Container {
  const image = imageOf(blueprint.program);
  const user = image?.runAsUser ?? UID.workload;
  const helper = isForeign(blueprint.program) ? HELPER : PLACE.spawnProgram;
  return {
    ...ownContainer(WORKLOAD, 'runner', settings),
    ...(image && serverImage(image, settings)),
    securityContext: containerSecurity(user),
    command: [
      ...[helper, 'spawn', '--socket', SPAWN_SOCKET, '--peer-uid', `${UID.supervisor}`],
      ...['--max-processes', `${mostProcesses(blueprint, settings)}`],
    ],
    resources: workloadResources(blueprint.resources, settings.resources.workload),
    volumeMounts: [
      ...(isForeign(blueprint.program) ? [{ name: 'helper', mountPath: PLACE.helper, readOnly: true }] : []),
      ...programMounts(blueprint.program),
      ...homeMounts(blueprint),
      { name: 'tmp', mountPath: PLACE.tmp },
      ...writableMounts(image),
      ...claimMounts(blueprint, image),
      ...caMounts(settings),
    ],
  };
}

/** Its workload runs in an image that is not ours. */
function isForeign({ kind }: Program): boolean {
  return kind === 'image';
}

function imageOf(program: Program) {
  return program.kind === 'image' ? program.image : undefined;
}

function programMounts({ kind }: Program): VolumeMount[] {
  // The supervisor brings it; nothing that runs here can change it.
  if (kind === 'package') return [{ name: 'tree', mountPath: PLACE.tree, readOnly: true }];
  if (kind === 'script') return [{ name: 'script', mountPath: PLACE.script, readOnly: true }];
  return [];
}

function programVolumes(program: Program, secret: string, { treeSize }: PodSettings): Volume[] {
  if (program.kind === 'package') return [{ name: 'tree', emptyDir: { sizeLimit: treeSize } }];
  if (program.kind !== 'script') return [];
  const { code, runtime } = program;
  const path = scriptFile(runtime);
  if (typeof code === 'string') {
    const items = [{ key: SCRIPT_KEY, path }];
    return [{ name: 'script', secret: { secretName: secret, defaultMode: READABLE, items } }];
  }
  const items = [{ key: code.key, path }];
  return [{ name: 'script', configMap: { name: code.name, defaultMode: READABLE, items } }];
}
