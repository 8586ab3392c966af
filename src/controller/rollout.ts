/** When the Deployment of a server is made anew, and when it is left as it is. */
import type { McpServer, Persistence } from '../cluster/mcp-server.ts';
import { type Deployment, RESTARTED_AT } from '../cluster/objects/deployment.ts';
import { shortHash } from '../cluster/objects/naming.ts';
import { programVersion } from '../version.ts';
import type { ControllerSettings } from './settings.ts';

/** Images that are named by hand stay the same when Berth changes, and pods all the same must not. */
const VERSION = programVersion();

/** On the Deployment: hashes of what it was made of. */
export const SPEC_ANNOTATION = 'berth.dev/spec-hash';
export const SETTINGS_ANNOTATION = 'berth.dev/settings-hash';

/** Of what makes other pods: how many there are and when there are none, and what they may reach, does not. */
export function specHash({ spec, metadata }: McpServer): string {
  const { replicas: _r, suspend: _s, network: _n, description: _d, ...rolling } = spec;
  const { dependencies: _needs, limits, persistence, ...others } = rolling;
  const { sleep: _sleep, ...kept } = limits ?? {};
  const rest = {
    ...others,
    ...(Object.keys(kept).length > 0 && { limits: kept }),
    ...(persistence && { persistence: mountOf(persistence) }),
  };
  return shortHash([rest, metadata.annotations?.[RESTARTED_AT] ?? '']);
}

/** Without what is of the claim alone: that can be made larger under a pod that runs. */
function mountOf(persistence: Persistence): Persistence {
  const { size: _size, storageClass: _class, annotations: _notes, whenDeleted: _end, ...mount } = persistence;
  return mount;
}

/** What the operator has decided and a pod is made of. */
export type RollingSettings = Pick<
  ControllerSettings,
  'pods' | 'limits' | 'health' | 'drain' | 'placement' | 'archonImage'
>;

/** Of what makes other pods and is no server's own. `version` is of Berth, which writes pods its way. */
export function settingsHash(
  { pods, limits, health, drain, placement, archonImage }: RollingSettings,
  version: string = VERSION,
): string {
  return shortHash([pods, version, { limits, health, drain, placement, archonImage }]);
}

export interface RolloutQuestion {
  readonly server: McpServer;
  readonly settings: RollingSettings;
  readonly existing: Deployment | undefined;
  /** Of all replicas together; undefined when not all of them have said. */
  readonly sessions: number | undefined;
}

/** An upgrade of Berth never rolls servers: each keeps what it runs until it is idle, restarted or changed itself. */
export function keepsPods({ server, settings, existing, sessions }: RolloutQuestion): boolean {
  const annotations = existing?.metadata.annotations;
  if (!existing || annotations?.[SPEC_ANNOTATION] !== specHash(server)) return false;
  const isIdle = existing.spec.replicas === 0 || sessions === 0;
  return annotations[SETTINGS_ANNOTATION] !== settingsHash(settings) && !isIdle;
}

/** Its newest version is the only one, and there. */
export function isSettled({ metadata, spec, status = {} }: Deployment): boolean {
  const { observedGeneration = 0, replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = status;
  return (
    observedGeneration >= (metadata.generation ?? 0) &&
    [replicas, readyReplicas, updatedReplicas].every((count) => count === spec.replicas)
  );
}
