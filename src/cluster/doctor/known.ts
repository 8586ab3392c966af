/** Whether there is a cluster to look at. Loads nothing of the Kubernetes client. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** A kubeconfig is named or lies where it usually does, or this is a pod. */
export async function isClusterKnown(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<boolean> {
  if (env.KUBECONFIG) return true;
  const found = await Promise.all([TOKEN, join(home, '.kube', 'config')].map(isThere));
  return found.includes(true);
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
