/** Whether the cluster would take a server's pod: asked with one that is checked by everything and kept by nothing. */
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import type { PodSettings } from '../objects/blueprint.ts';
import { deployment } from '../objects/deployment.ts';
import { PODS, resource } from '../resources.ts';
import { unknown } from './cluster-checks.ts';
import type { DoctorPlaces, Finding } from './finding.ts';

const QUOTAS = resource('v1', 'ResourceQuota', 'resourcequotas');
const NAME = 'berth-doctor';

/** Of admission as a whole, and of quotas. */
export async function checkPod(
  client: Pick<ApiClient, 'create' | 'list'>,
  settings: PodSettings,
  places: DoctorPlaces,
): Promise<Finding[]> {
  const check = 'a server’s pod';
  try {
    await client.create(PODS, samplePod(settings, places), { dryRun: true });
  } catch (thrown) {
    const { code, message = '' } = apiStatusOf(thrown) ?? {};
    if (code !== 403 && code !== 422 && code !== 400) return [unknown(check, thrown)];
    // The account may not make pods itself; Kubernetes' own controllers do.
    if (/cannot create resource/.test(message)) return [unknown(check, thrown)];
    return [refusal(check, message)];
  }
  return [{ check, state: 'ok', message: 'the cluster would take one' }, await checkQuotas(client, places)];
}

function refusal(check: string, message: string): Finding {
  const state = 'problem';
  if (/exceeded quota|failed quota/.test(message))
    return {
      ...{ check: 'quota', state, message },
      fix: 'Raise the ResourceQuota of the namespace (servers.resourceQuota of the chart), lower servers.defaults.resources, or stop servers.',
    };
  if (/violates PodSecurity/.test(message))
    return {
      ...{ check: 'Pod Security', state, message },
      fix: 'Label the namespace restricted, not stricter; Berth’s pods keep that profile.',
    };
  if (/(?:maximum|minimum) .*(?:usage|limit)|limitrange/i.test(message))
    return {
      ...{ check: 'limit range', state, message },
      fix: 'Change the LimitRange of the namespace (servers.limitRange of the chart) or servers.defaults.resources.',
    };
  return { check, state, message, fix: 'The message names the rule of the cluster that forbids it.' };
}

async function checkQuotas(client: Pick<ApiClient, 'list'>, { servers }: DoctorPlaces): Promise<Finding> {
  const check = 'quota';
  try {
    const { items } = await client.list(QUOTAS, { namespace: servers });
    const message = items.length === 0 ? 'there is none' : 'there is room for another server';
    return { check, state: 'ok', message };
  } catch (thrown) {
    return unknown(check, thrown);
  }
}

/** The pod of a small server, under an account that is in every namespace. */
function samplePod(settings: PodSettings, { servers }: DoctorPlaces) {
  const { template } = deployment({
    blueprint: {
      owner: { name: 'doctor', namespace: servers, uid: '00000000-0000-4000-8000-000000000000' },
      program: { kind: 'script', runtime: 'node', code: '' },
      behavior: { isolation: 'session', sessions: 'minted', limits: {} },
      ...{
        args: [],
        env: [],
        secrets: [],
        configMaps: [],
        homeFiles: {},
        replicas: 1,
        drainSeconds: 1,
        resources: {},
      },
      network: { egress: 'none', allow: [] },
      placement: {},
    },
    settings,
    generation: 'doctor',
    annotations: {},
  }).spec;
  const spec = { ...template.spec, serviceAccountName: 'default' };
  return { metadata: { ...template.metadata, name: NAME, namespace: servers }, spec };
}
