/** helm and kubectl as a person uses them, and a release of the chart in namespaces of its own. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isOfOthers, ownName } from './own-names.ts';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const CHART = `${ROOT}helm/berth`;
export const CRD = `${CHART}/files/mcpservers.berth.dev.yaml`;

export interface Outcome {
  readonly ok: boolean;
  readonly out: string;
  /** Standard error, warnings included. */
  readonly err: string;
}

/** Both are short programs in Go: collecting what they are done with is a third of their work, which their end does at once. */
const GO_ENV = { ...process.env, GOGC: 'off' };

/** Runs a program of the path; a non-zero exit is an outcome. */
export function attempt(program: 'helm' | 'kubectl', args: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: GO_ENV,
    maxBuffer: 64 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error && 'code' in error && error.code === 'ENOENT')
    throw new Error(`${program} is not on the PATH: the tests of the chart need helm and kubectl`);
  if (error) throw error;
  return { ok: status === 0, out: stdout, err: stderr };
}

/** As {@link attempt}; throws what the program said when it failed. */
export function run(program: 'helm' | 'kubectl', args: readonly string[], input?: string): string {
  const { ok, out, err } = attempt(program, args, input);
  if (!ok) throw new Error(`${program} ${args.join(' ')}: ${err}`);
  return out;
}

/** As {@link run}, for when this program has something else to do meanwhile. */
export async function runBeside(
  program: 'helm' | 'kubectl',
  args: readonly string[],
  input?: string,
): Promise<string> {
  const running = promisify(execFile)(program, args, { env: GO_ENV, maxBuffer: 64 * 1024 * 1024 });
  running.child.stdin?.end(input ?? '');
  return (await running).stdout;
}

/** An object or a list from the API server. */
export function read<T = { items: readonly { metadata: { name: string } }[] }>(...args: string[]): T {
  return JSON.parse(run('kubectl', ['get', ...args, '-o', 'json'])) as T;
}

/** A name that no other run uses. */
export function uniqueName(): string {
  return ownName('bt');
}

const KINDS =
  'customresourcedefinitions,namespaces,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings';
const NAMESPACED =
  'deployments,replicasets,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,leases,jobs,mcpservers,persistentvolumeclaims,resourcequotas,limitranges';
/** What Kubernetes puts into every namespace. */
const EVERYWHERE = /^(configmap\/kube-root-ca\.crt|serviceaccount\/default)$/;

/** Names of everything there is that the chart, or a program of it, could have made; what other runs make beside is left out. */
export function everything(namespaces: readonly string[]): string[] {
  const names = (...args: string[]): string[] =>
    run('kubectl', ['get', ...args, '-o', 'name'])
      .split('\n')
      .filter((name) => name !== '' && !EVERYWHERE.test(name) && !isOfOthers(name));
  return [
    ...names(KINDS),
    ...namespaces.flatMap((namespace) =>
      names(NAMESPACED, '-n', namespace).map((name) => `${namespace}: ${name}`),
    ),
  ].sort();
}

export interface Release {
  readonly name: string;
  readonly namespace: string;
  readonly servers: string;
  /** How the API server calls its accounts. */
  readonly gateway: string;
  readonly controller: string;
  close(): void;
}

/** No pod of the release is needed where only its objects are looked at. */
const NO_PODS = ['gateway.replicas=0', 'controller.replicas=0'];

/** Installs the chart; the definition of MCPServer must be there. */
export function install(...values: readonly string[]): Release {
  const name = uniqueName();
  const release = {
    name,
    namespace: `${name}-mcp`,
    servers: `${name}-servers`,
    gateway: `system:serviceaccount:${name}-mcp:${name}-gateway`,
    controller: `system:serviceaccount:${name}-mcp:${name}-controller`,
  };
  const set = [...NO_PODS, 'crds.install=false', ...values].flatMap((value) => ['--set', value]);
  run('helm', ['install', name, CHART, '-n', release.namespace, '--create-namespace', ...set]);
  return {
    ...release,
    close: () => {
      attempt('helm', ['uninstall', name, '-n', release.namespace]);
      removeNamespaces(release.namespace, release.servers);
    },
  };
}

export function removeNamespaces(...names: readonly string[]): void {
  run('kubectl', ['delete', 'namespace', '--ignore-not-found', ...names]);
}

/** The definition of MCPServer as it stands in the chart, whoever has installed it. */
export function applyDefinition(): void {
  run('kubectl', ['apply', '--server-side', '--force-conflicts', '-f', CRD]);
  run('kubectl', ['wait', '--for=condition=Established', 'crd/mcpservers.berth.dev', '--timeout=60s']);
}
