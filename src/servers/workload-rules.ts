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
  return [...networkFaults(spec), ...transportFaults(spec), ...imageFaults(spec)];
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
