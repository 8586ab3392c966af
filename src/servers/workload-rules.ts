/**
 * What members of a specification demand of each other in a cluster. The definition of MCPServer says the same to those who
 * write one themselves; here it is said in the words of the API, all faults at once.
 */
import type { ServerSpec } from './server-spec.ts';
import type { ImageSource } from './workload-spec.ts';

/** Another user's processes could read the supervisor's memory and stop it. */
const SUPERVISOR_USER = 10_001;
/** What belongs to the pod itself. */
const NOT_WRITABLE = /^\/(?:berth|run\/berth|etc\/berth|proc|sys|dev)(?:\/|$)/;

/** A member that is at fault, by its JSON pointer. */
export interface WorkloadFault {
  readonly pointer: string;
  readonly detail: string;
}

/** Empty for a specification that fits together. */
export function workloadFaults(spec: ServerSpec): WorkloadFault[] {
  return [
    ...networkFaults(spec),
    ...transportFaults(spec),
    ...imageFaults(spec),
    ...(spec.persistence ? persistenceFaults(spec, spec.persistence) : []),
    ...dependencyFaults(spec),
  ];
}

function networkFaults({ network }: ServerSpec): WorkloadFault[] {
  if (!network || network.egress === 'allow' || network.allow.length === 0) return [];
  const detail = `means something only with egress allow, and egress is ${network.egress}`;
  return [{ pointer: '/network/allow', detail }];
}

function transportFaults({ transport, source, template }: ServerSpec): WorkloadFault[] {
  if (transport === undefined || transport === 'stdio' || template !== undefined) return [];
  if (source?.image || source?.archon) return [];
  return [{ pointer: '/transport', detail: 'must be stdio: packages and scripts speak nothing else' }];
}

type Persistence = NonNullable<ServerSpec['persistence']>;

/** Berth's own claims are named like this: one of them is another server's. */
const OURS = /^mcp-/;

function persistenceFaults({ source, replicas = 1 }: ServerSpec, given: Persistence): WorkloadFault[] {
  const { accessMode, existingClaim, mountPath } = given;
  const fault = (member: string, detail: string): WorkloadFault => ({
    pointer: `/persistence${member}`,
    detail,
  });
  const own = (['size', 'storageClass', 'annotations'] as const).filter((name) => given[name] !== undefined);
  return [
    ...(source?.remote ? [fault('', 'is nothing that a remote server can be given')] : []),
    ...(accessMode === 'ReadWriteOnce' && replicas > 1
      ? [fault('/accessMode', 'must be ReadWriteMany for more than one replica')]
      : []),
    ...(accessMode === 'ReadOnlyMany' && existingClaim === undefined
      ? [fault('/accessMode', 'can be ReadOnlyMany with an existingClaim only: a new volume is empty')]
      : []),
    ...(existingClaim !== undefined && OURS.test(existingClaim)
      ? [fault('/existingClaim', 'is the claim of a server of Berth: take one of your own')]
      : []),
    ...(existingClaim === undefined ? [] : own).map((name) =>
      fault(`/${name}`, 'says nothing of a claim that is there'),
    ),
    ...(NOT_WRITABLE.test(mountPath) ? [fault('/mountPath', 'may not be a folder of the pod itself')] : []),
  ];
}

function dependencyFaults({ name, dependencies = [] }: ServerSpec): WorkloadFault[] {
  return dependencies.flatMap((one, index) => {
    const pointer = `/dependencies/${index}/name`;
    if (one.name === name) return [{ pointer, detail: 'is the server itself' }];
    const first = dependencies.findIndex((other) => other.name === one.name);
    return first < index ? [{ pointer, detail: 'is named twice' }] : [];
  });
}

function imageFaults({ source, transport = 'stdio', port }: ServerSpec): WorkloadFault[] {
  const image = source?.image;
  if (!image) return [];
  return [
    ...userFaults(image),
    ...(transport === 'stdio' ? entrypointFaults(image) : portFaults(port)),
    ...folderFaults(image),
  ];
}

function userFaults({ runAsUser }: ImageSource): WorkloadFault[] {
  if (runAsUser !== SUPERVISOR_USER) return [];
  return [
    {
      pointer: '/source/image/runAsUser',
      detail: 'is the user id of the supervisor; 10002 is taken when none is given',
    },
  ];
}

function entrypointFaults({ entrypoint: [program] = [] }: ImageSource): WorkloadFault[] {
  if (program?.startsWith('/')) return [];
  const detail =
    program === undefined
      ? 'is required for an image that speaks stdio: the absolute path of its program, then its arguments'
      : 'must begin with the absolute path of the program';
  return [{ pointer: '/source/image/entrypoint', detail }];
}

function portFaults(port: number | undefined): WorkloadFault[] {
  if (port !== undefined) return [];
  return [{ pointer: '/port', detail: 'is required for an image that speaks http, sse or websocket' }];
}

function folderFaults({ writablePaths = [] }: ImageSource): WorkloadFault[] {
  return writablePaths.flatMap((path, index) =>
    NOT_WRITABLE.test(path)
      ? [{ pointer: `/source/image/writablePaths/${index}`, detail: 'may not be written by a server' }]
      : [],
  );
}
