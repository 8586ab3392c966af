/** Whether there is a cluster to look at. Loads nothing of the Kubernetes client. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Where this program is: with the account of a pod, on a machine that knows a cluster, or on one that knows none. */
export type Whereabouts = 'pod' | 'kubeconfig' | 'machine';

/** A kubeconfig is named or lies where it usually does, or this is a pod. */
export async function findWhereabouts(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<Whereabouts> {
  if (env.KUBECONFIG) return 'kubeconfig';
  if (await isThere(TOKEN)) return 'pod';
  return (await isThere(join(home, '.kube', 'config'))) ? 'kubeconfig' : 'machine';
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
