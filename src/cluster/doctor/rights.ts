/** Whether the account that asks may do what the gateway, or the controller, has to do. */
import type { ApiClient } from '../api-client.ts';
import type { DoctorPlaces, Finding } from './finding.ts';

export type Account = 'gateway' | 'controller';

/** One line of a Role. */
export interface Right {
  readonly where: 'servers' | 'release';
  readonly group: string;
  /** With its subresource. */
  readonly resource: string;
  readonly verbs: readonly string[];
  /** Of objects with this name only; `<release>` stands for the name of the release. */
  readonly name?: string;
  /** Given only where links go over the network, which nobody can tell from outside: not asked for. */
  readonly overNetwork?: true;
}

const ALL = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
const servers = (group: string, resource: string, verbs: readonly string[]): Right => ({
  where: 'servers',
  ...{ group, resource, verbs },
});
const release = (group: string, resource: string, verbs: readonly string[], name?: string): Right => ({
  where: 'release',
  ...{ group, resource, verbs },
  ...(name !== undefined && { name }),
});

/** What the Roles of the chart say; a test compares the two. */
export const RIGHTS: Readonly<Record<Account, readonly Right[]>> = {
  gateway: [
    servers('berth.dev', 'mcpservers', ALL),
    servers('berth.dev', 'mcpservers/scale', ['get', 'update', 'patch']),
    servers('', 'pods', ['get', 'list', 'watch', 'delete']),
    servers('', 'pods/log', ['get']),
    servers('events.k8s.io', 'events', ['list', 'watch']),
    servers('', 'services', ['list']),
    servers('', 'pods/exec', ['get', 'create']),
    servers('apps', 'deployments', ['get', 'list', 'watch', 'patch']),
    { ...servers('', 'configmaps', ['get', 'list', 'watch', 'patch']), name: '<release>-groups' },
    servers('', 'secrets', ['create']),
  ],
  controller: [
    servers('berth.dev', 'mcpservers', ALL),
    servers('berth.dev', 'mcpservers/status', ['get', 'update', 'patch']),
    servers('berth.dev', 'mcpservers/finalizers', ['update']),
    servers('apps', 'deployments', ALL),
    servers('batch', 'jobs', ALL),
    servers('networking.k8s.io', 'networkpolicies', ALL),
    servers('policy', 'poddisruptionbudgets', ALL),
    servers('', 'serviceaccounts', ALL),
    servers('', 'persistentvolumeclaims', ['get', 'list', 'watch', 'create', 'patch', 'delete']),
    servers('', 'pods', ['get', 'list', 'watch', 'patch']),
    servers('', 'pods/exec', ['get', 'create']),
    servers('', 'secrets', ['create', 'delete']),
    { ...servers('', 'secrets', ['update']), overNetwork: true },
    { ...servers('', 'configmaps', ['get', 'list', 'watch']), name: '<release>-servers' },
    servers('events.k8s.io', 'events', ['create', 'patch']),
    servers('', 'events', ['create', 'patch']),
    servers('events.k8s.io', 'events', ['list']),
    release('coordination.k8s.io', 'leases', ['create']),
    release('coordination.k8s.io', 'leases', ['get', 'update', 'patch'], '<release>-controller'),
    release('', 'secrets', ['create']),
    release('', 'secrets', ['get', 'update', 'delete'], '<release>-keys'),
    release('', 'secrets', ['get', 'update', 'delete'], '<release>-trees-key'),
    { ...release('', 'secrets', ['get', 'update'], '<release>-link-ca'), overNetwork: true },
    { ...release('', 'secrets', ['get', 'update'], '<release>-link-client'), overNetwork: true },
    release('', 'configmaps', ['get'], '<release>-controller'),
  ],
};

/** One question for each right; those that are missing are named. */
export async function checkRights(
  client: Pick<ApiClient, 'may'>,
  account: Account,
  places: DoctorPlaces,
): Promise<Finding> {
  const always = RIGHTS[account].filter(({ overNetwork }) => !overNetwork);
  const asked = always.flatMap((right) => right.verbs.map((verb) => ({ ...right, verb })));
  const answers = await Promise.all(
    asked.map(async ({ verb, group, resource, where, name }) => {
      const [kind = '', subresource] = resource.split('/');
      const namespace = where === 'servers' ? places.servers : places.namespace;
      const { allowed } = await client.may({
        ...{ verb, group, resource: kind, namespace },
        ...(subresource !== undefined && { subresource }),
        ...(name !== undefined && { name: name.replace('<release>', places.release) }),
      });
      return allowed ? [] : [`${verb} ${resource}${group && `.${group}`} in ${namespace}`];
    }),
  );
  const missing = answers.flat();
  const check = `rights of the ${account}`;
  if (missing.length === 0) return { check, state: 'ok', message: `${asked.length} rights are there` };
  return {
    check,
    state: 'problem',
    message: `this account may not: ${missing.join(', ')}`,
    fix: `Bind the Role ${places.release}-${account} of the chart to it, in the namespace that is named.`,
  };
}
