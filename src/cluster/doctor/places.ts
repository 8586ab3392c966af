/** Where Berth is, as far as nobody has said it: where this pod belongs, or what the cluster has. */
import type { ApiClient } from '../api-client.ts';
import { DEPLOYMENTS, type KubeObject } from '../resources.ts';
import { unknown } from './cluster-checks.ts';
import type { DoctorPlaces, Finding } from './finding.ts';

/** Labels of the chart, and variables that it gives a gateway. */
const GATEWAYS = 'app.kubernetes.io/name=berth,app.kubernetes.io/component=gateway';
const INSTANCE = 'app.kubernetes.io/instance';
const SERVERS = 'BERTH_SERVERS_NAMESPACE';

const USUAL = { release: 'berth', namespace: 'mcp' };
const CHECK = 'installation';

type Env = Readonly<Record<string, string | undefined>>;

export interface FoundPlaces {
  readonly places: DoctorPlaces;
  readonly finding: Finding;
}

interface GatewayDeployment extends KubeObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

/** What is given counts; never rejects, and falls back on the names of the documentation. */
export async function findPlaces(
  client: Pick<ApiClient, 'list'>,
  given: Partial<DoctorPlaces>,
  env: Env,
): Promise<FoundPlaces> {
  const own = ofThisPod(env);
  if (own && given.release === undefined && given.namespace === undefined)
    return told({ ...own, ...given }, 'ok', (places) => `this pod belongs to ${nameOf(places)}`);
  try {
    const { namespace, release } = given;
    const { items } = await client.list<GatewayDeployment>(DEPLOYMENTS, {
      ...(namespace !== undefined && { namespace }),
      labelSelector: release === undefined ? GATEWAYS : `${GATEWAYS},${INSTANCE}=${release}`,
    });
    return choose(items.map(placesOf).sort(byName), given);
  } catch (thrown) {
    return { places: complete(given), finding: unknown(CHECK, thrown) };
  }
}

/** Undefined outside a pod of the chart. */
function ofThisPod(env: Env): DoctorPlaces | undefined {
  const { BERTH_RELEASE: release, POD_NAMESPACE: namespace } = env;
  if (!release || !namespace) return undefined;
  return complete({ release, namespace, ...(env[SERVERS] && { servers: env[SERVERS] }) });
}

function choose(found: readonly DoctorPlaces[], given: Partial<DoctorPlaces>): FoundPlaces {
  const [first, ...others] = found;
  if (!first)
    return told(complete(given), 'ok', (one) => `there is none; this is what ${nameOf(one)} would find`);
  const places = { ...first, ...given };
  if (others.length === 0)
    return told(places, 'ok', (one) => `${nameOf(one)}, its servers in ${one.servers}`);
  return {
    places,
    finding: {
      ...{ check: CHECK, state: 'warning' },
      message: `${found.length} are there: ${found.map(nameOf).join(', ')}; this is about ${nameOf(places)}`,
      fix: 'Say which one: berth doctor -n <namespace> --release <name>.',
    },
  };
}

function told(
  places: DoctorPlaces,
  state: Finding['state'],
  message: (places: DoctorPlaces) => string,
): FoundPlaces {
  return { places, finding: { check: CHECK, state, message: message(places) } };
}

function placesOf({ metadata, spec }: GatewayDeployment): DoctorPlaces {
  const env = (spec?.template?.spec?.containers ?? []).flatMap(({ env = [] }) => env);
  const servers = env.find(({ name }) => name === SERVERS)?.value;
  return complete({
    ...(metadata.labels?.[INSTANCE] !== undefined && { release: metadata.labels[INSTANCE] }),
    ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
    ...(servers !== undefined && { servers }),
  });
}

function complete(given: Partial<DoctorPlaces>): DoctorPlaces {
  const { release, namespace } = { ...USUAL, ...given };
  return { release, namespace, servers: given.servers ?? `${release}-servers` };
}

function nameOf({ release, namespace }: DoctorPlaces): string {
  return `${namespace}/${release}`;
}

/** The one of the documentation first. */
function byName(a: DoctorPlaces, b: DoctorPlaces): number {
  const rank = ({ release, namespace }: DoctorPlaces): number =>
    release === USUAL.release && namespace === USUAL.namespace ? 0 : 1;
  return rank(a) - rank(b) || nameOf(a).localeCompare(nameOf(b));
}
