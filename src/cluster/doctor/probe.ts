/** What only pods can tell: whether images can be pulled, and whether the cluster's network enforces policies. All of it is removed again. */
import { randomBytes } from 'node:crypto';
import { BerthError } from '../../errors.ts';
import type { ApiClient } from '../api-client.ts';
import type { PodSettings } from '../objects/blueprint.ts';
import { UID } from '../objects/places.ts';
import { containerSecurity } from '../objects/security.ts';
import { type KubeObject, NETWORK_POLICIES, PODS } from '../resources.ts';
import { unknown } from './cluster-checks.ts';
import type { DoctorPlaces, Finding } from './finding.ts';

type Client = Pick<ApiClient, 'create' | 'get' | 'list' | 'remove'>;

export interface ProbeOptions {
  readonly client: Client;
  readonly settings: PodSettings;
  readonly places: DoctorPlaces;
  readonly sleep: (ms: number) => Promise<void>;
}

interface ProbePod extends KubeObject {
  readonly status?: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly state?: {
        readonly running?: object;
        readonly waiting?: { readonly reason?: string; readonly message?: string };
        readonly terminated?: { readonly message?: string };
      };
    }[];
  };
}

const LABEL = 'berth.dev/doctor';
const PORT = 8_080;
const LOOK_EVERY = 1_000;
/** Looks at a pod before it counts as never coming. */
const LOOKS = 90;
const PULL_FAILED = /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull)$/;
const LISTEN = `require('net').createServer((s) => s.end('hello')).listen(${PORT})`;
/** Says whether something answers at the address: refused is not silence, but is no answer either. */
const call = (address: string): string => `
const done = (reached) => { require('fs').writeFileSync('/dev/termination-log', String(reached)); process.exit(0); };
const attempt = (left) => {
  const socket = require('net').connect({ host: '${address}', port: ${PORT}, timeout: 2000 });
  const again = () => { socket.destroy(); left > 0 ? setTimeout(attempt, 500, left - 1) : done(false); };
  socket.on('data', () => done(true)).on('error', again).on('timeout', again);
};
attempt(3);
`;

/** Rejects with nothing: what cannot be done is `unknown`. */
export async function probePods(options: ProbeOptions): Promise<Finding[]> {
  const { client, settings, places } = options;
  const { supervisor, runner } = settings.images;
  const name = `berth-doctor-${randomBytes(3).toString('hex')}`;
  const { servers: namespace } = places;
  const made: string[] = [];
  const make = async (part: string, image: string, script: string): Promise<string> => {
    const pod = probePod(
      { name: `${name}-${part}`, namespace, labels: { [LABEL]: name } },
      { image, script, settings },
    );
    await client.create(PODS, pod);
    made.push(`${name}-${part}`);
    return `${name}-${part}`;
  };
  try {
    // Nothing may come in; what is asked is whether it does.
    const policy = {
      metadata: { name, namespace },
      spec: { podSelector: { matchLabels: { [LABEL]: name } }, policyTypes: ['Ingress'], ingress: [] },
    };
    await client.create(NETWORK_POLICIES, policy);
    const listener = await make('listener', supervisor, LISTEN);
    const other = await make('runner', runner, 'setInterval(() => {}, 1e6)');
    const [first, second] = await Promise.all([listener, other].map((pod) => running(options, pod)));
    const images = [imageFinding(supervisor, first), imageFinding(runner, second)];
    const address = first?.status?.podIP;
    if (images.some(({ state }) => state !== 'ok') || address === undefined) return images;
    const caller = await make('caller', supervisor, call(address));
    return [...images, policyFinding(await said(options, caller))];
  } catch (thrown) {
    return [unknown('probe', thrown)];
  } finally {
    await Promise.allSettled([
      client.remove(NETWORK_POLICIES, { namespace, name }),
      ...made.map((pod) => client.remove(PODS, { namespace, name: pod }, { gracePeriodSeconds: 0 })),
    ]);
  }
}

function imageFinding(image: string, pod: ProbePod | undefined): Finding {
  const check = 'image';
  const { waiting, running } = pod?.status?.containerStatuses?.[0]?.state ?? {};
  if (running) return { check, state: 'ok', message: `${image} runs` };
  if (PULL_FAILED.test(waiting?.reason ?? ''))
    return {
      ...{
        check,
        state: 'problem',
        message: `${image} cannot be pulled: ${waiting?.message ?? waiting?.reason}`,
      },
      fix: 'Correct images.registry and its tags, let the nodes reach that registry, or name images.pullSecrets.',
    };
  return {
    ...{
      check,
      state: 'unknown',
      message: `a pod of ${image} does not come up: ${waiting?.reason ?? 'it waits for a node'}`,
    },
    fix: 'Look at the events of the namespace: kubectl get events.',
  };
}

function policyFinding(reached: string | undefined): Finding {
  const check = 'network policies';
  if (reached === 'false')
    return { check, state: 'ok', message: 'a pod that may not be called cannot be: policies are enforced' };
  if (reached === 'true')
    return {
      ...{ check, state: 'problem' },
      message:
        'a pod that may not be called can be: the network of this cluster does not enforce policies, and servers reach everything',
      fix: 'Install a network plugin that enforces NetworkPolicies, such as Cilium or Calico.',
    };
  return { check, state: 'unknown', message: 'the pod that calls did not end', fix: 'Try again.' };
}

/** The pod once it runs, or cannot; undefined when neither comes. */
function running(options: ProbeOptions, name: string): Promise<ProbePod | undefined> {
  return watch(
    options,
    name,
    ({ running, waiting }) => running !== undefined || PULL_FAILED.test(waiting?.reason ?? ''),
  );
}

async function said(options: ProbeOptions, name: string): Promise<string | undefined> {
  const pod = await watch(options, name, ({ terminated }) => terminated !== undefined);
  return pod?.status?.containerStatuses?.[0]?.state?.terminated?.message;
}

type State = NonNullable<NonNullable<NonNullable<ProbePod['status']>['containerStatuses']>[number]['state']>;

async function watch(
  { client, places, sleep }: ProbeOptions,
  name: string,
  there: (state: State) => boolean,
): Promise<ProbePod | undefined> {
  let pod: ProbePod | undefined;
  for (let look = 0; look < LOOKS; look++, await sleep(LOOK_EVERY)) {
    pod = await client.get<ProbePod>(PODS, { namespace: places.servers, name });
    if (!pod) throw new BerthError('conflict', `the pod ${name} was removed by somebody else`);
    if (there(pod.status?.containerStatuses?.[0]?.state ?? {})) return pod;
  }
  return pod;
}

function probePod(
  metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  },
  {
    image,
    script,
    settings,
  }: { readonly image: string; readonly script: string; readonly settings: PodSettings },
): KubeObject {
  const spec = {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    imagePullSecrets: settings.pullSecrets.map((name) => ({ name })),
    containers: [
      {
        name: 'probe',
        image,
        imagePullPolicy: settings.pullPolicy,
        command: ['node', '-e', script],
        securityContext: containerSecurity(UID.supervisor),
        resources: settings.resources.supervisor,
      },
    ],
  };
  return { metadata, spec } as KubeObject;
}
