/** What a release that is installed says of itself: whether the API server holds its accounts to their rules, and which of its servers it could not make. */
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import { type EventObject, eventTimeOf } from '../objects/event.ts';
import { CONFIG_MAPS, EVENTS, resource } from '../resources.ts';
import { unknown } from './cluster-checks.ts';
import type { DoctorPlaces, Finding } from './finding.ts';

export const POLICIES = resource(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicy',
  'validatingadmissionpolicies',
);
export const BINDINGS = resource(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicyBinding',
  'validatingadmissionpolicybindings',
);

/** What the chart calls its admission policies, and their bindings, behind `<namespace>-<release>-`; a test compares the two. */
export const ADMISSION_POLICIES = [
  ...['workloads', 'children', 'claims', 'secrets', 'pods', 'foreign', 'exec'],
  ...['references', 'mounts', 'claim-references', 'claim-mounts', 'released'],
] as const;

/** Milliseconds after which a refusal that was not said again is over: the controller tries every minute, and says the same every five. */
const LASTS = 15 * 60_000;

/** Nothing where no release is installed. */
export async function checkRelease(
  client: Pick<ApiClient, 'get' | 'list'>,
  places: DoctorPlaces,
  now: number,
): Promise<Finding[]> {
  const { namespace, release } = places;
  try {
    if (!(await client.get(CONFIG_MAPS, { namespace, name: `${release}-controller` }))) return [];
  } catch {
    // Whoever may not see it may see the rest no more, and is told so.
  }
  return await Promise.all([checkPolicies(client, places), checkDeclared(client, places, now)]);
}

async function checkPolicies(
  client: Pick<ApiClient, 'get'>,
  { namespace, release }: DoctorPlaces,
): Promise<Finding> {
  const check = 'admission policies';
  try {
    const looks = await Promise.all(
      ADMISSION_POLICIES.flatMap((policy) => {
        const name = `${namespace}-${release}-${policy}`;
        return [POLICIES, BINDINGS].map(async (kind) =>
          (await client.get(kind, { name })) ? [] : [`${kind.kind} ${name}`],
        );
      }),
    );
    const missing = looks.flat();
    if (missing.length === 0)
      return {
        check,
        state: 'ok',
        message: `${ADMISSION_POLICIES.length} policies hold Berth’s accounts to their rules`,
      };
    if (missing.length === looks.length)
      return {
        ...{ check, state: 'warning' },
        message:
          'there are none: nothing but Roles holds Berth’s accounts, and servers get Secrets that nobody has released to them',
        fix: 'Set admissionPolicies.enabled of the chart.',
      };
    return {
      ...{ check, state: 'problem', message: `missing: ${missing.join(', ')}` },
      fix: 'Upgrade the release again: helm upgrade. Somebody has removed them.',
    };
  } catch (thrown) {
    return unknown(check, thrown);
  }
}

/** Servers of the chart's values that the controller cannot make: there is no MCPServer that could say it. */
async function checkDeclared(
  client: Pick<ApiClient, 'list'>,
  { servers, release }: DoctorPlaces,
  now: number,
): Promise<Finding> {
  const check = 'servers of the values';
  try {
    const fieldSelector = `reason=ServerRefused,regarding.kind=ConfigMap,regarding.name=${release}-servers`;
    const { items } = await client.list<EventObject>(EVENTS, { namespace: servers, fieldSelector });
    const refused = items.filter((event) => now - eventTimeOf(event) < LASTS).map(({ note = '' }) => note);
    if (refused.length === 0) return { check, state: 'ok', message: 'none is refused' };
    return {
      ...{ check, state: 'problem', message: [...new Set(refused)].sort().join('; ') },
      fix: 'Correct them in the values (servers.items), and upgrade the release: helm upgrade.',
    };
  } catch (thrown) {
    // A namespace that is not there is another check's.
    if (apiStatusOf(thrown)?.code === 404) return { check, state: 'ok', message: 'none is refused' };
    return unknown(check, thrown);
  }
}
