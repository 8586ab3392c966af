/** Paths and user ids inside the pods: the contract between the pods' parts. */

export const UID = { supervisor: 10_001, workload: 10_002, shared: 10_003 } as const;

export const PLACE = {
  /** In the supervisor image. */
  spawnProgram: '/berth/bin/berth-spawn',
  /** Copied for a container of any image. */
  helper: '/berth/helper',
  tree: '/berth/tree',
  work: '/berth/work',
  script: '/berth/script',
  link: '/run/berth/link',
  status: '/run/berth/status',
  state: '/run/berth/state',
  config: '/etc/berth',
  /** Of the link over the network, in the supervisor's container only. */
  certificates: '/etc/berth/link',
  secrets: '/etc/berth/secrets',
  home: '/home/mcp',
  tmp: '/tmp',
} as const;

export const LINK_SOCKET = `${PLACE.link}/link.sock`;
/**
 * A name of the pod's own network, which no other pod has, and no file: servers can neither remove nor replace it, and have no folder in
 * common with the supervisor. It is taken before any server runs, and free again only when the last process of its container has ended.
 */
export const SPAWN_SOCKET = '@berth-spawn';
export const STATUS_FILE = `${PLACE.status}/status`;
export const CONFIG_FILE = `${PLACE.config}/supervisor.json`;
export const HELPER = `${PLACE.helper}/berth-spawn`;

/** In the runner image. */
export const LOOK_PROGRAM = '/app/dist/runtimes/inspection/look.js';

/** Where a supervisor listens for links over the network, and what its port is called. */
export const LINK_PORT = 8643;
export const LINK_PORT_NAME = 'link';

/** Name of the container that gateways exec into. */
export const SUPERVISOR = 'supervisor';
/** Name of the container that a server's own processes run in. */
export const WORKLOAD = 'workload';
