/** Credentials and trust as the Kubernetes client reads them: kubeconfig files, contexts, credential plugins, service accounts. */
import { access } from 'node:fs/promises';
import type { Agent, OutgoingHttpHeaders } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { ClusterAccess, ClusterCredentials, ClusterTls } from './access.ts';

/** Milliseconds for which credentials are used before they are asked for again. */
export const CREDENTIALS_LAST = 60_000;
/** Milliseconds between two times that refused credentials make us read everything again. */
const REFRESH_EVERY = 5_000;
/** Milliseconds that a credential plugin may take. */
export const PLUGIN_LIMIT = 30_000;
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export interface KubeConfigOptions {
  /** A kubeconfig file; otherwise `KUBECONFIG`, the pod's service account or `~/.kube/config`, whichever is there first. */
  readonly file?: string;
  /** A context of the kubeconfig other than its current one. */
  readonly context?: string;
  readonly clock?: Clock;
  /** Stands before the path of the service account's files. */
  readonly root?: string;
}

/** Loads the Kubernetes client (0.3 s, 80 MiB) and reads the configuration. Rejects with BerthError `bad-setting`. */
export async function loadClusterAccess(options: KubeConfigOptions = {}): Promise<ClusterAccess> {
  const load = await loader(options);
  return new KubeAccess(load, options.clock ?? systemClock);
}

type Load = () => KubeConfig;

async function loader({ file, context, root = '' }: KubeConfigOptions): Promise<Load> {
  const client = await import('@kubernetes/client-node');
  const inCluster = !file && !process.env.KUBECONFIG && (await exists(root + TOKEN));
  return () => {
    const config = new client.KubeConfig();
    try {
      if (file) config.loadFromFile(file);
      else if (inCluster) config.loadFromCluster(root);
      else config.loadFromDefault();
    } catch (error) {
      throw unreadable(error);
    }
    if (context) config.setCurrentContext(context);
    return checked(config);
  };
}

class KubeAccess implements ClusterAccess {
  readonly #load: Load;
  readonly #clock: Clock;
  #config: KubeConfig;
  #current: Promise<ClusterCredentials> | undefined;
  #askedAt = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #stale = false;

  constructor(load: Load, clock: Clock) {
    this.#load = load;
    this.#clock = clock;
    this.#config = load();
  }

  get baseUrl(): string {
    return clusterOf(this.#config).server.replace(/\/+$/, '');
  }

  get namespace(): string {
    const { currentContext } = this.#config;
    return this.#config.getContextObject(currentContext)?.namespace?.trim() || 'default';
  }

  credentials(): Promise<ClusterCredentials> {
    const now = this.#clock.now();
    if (this.#current && now - this.#askedAt < CREDENTIALS_LAST) return this.#current;
    this.#askedAt = now;
    const asked = this.#ask();
    this.#current = asked;
    asked.catch(() => {
      if (this.#current === asked) this.#current = undefined;
    });
    return asked;
  }

  refresh(): void {
    const now = this.#clock.now();
    if (now - this.#refreshedAt < REFRESH_EVERY) return;
    this.#refreshedAt = now;
    this.#stale = true;
    this.#current = undefined;
  }

  /** What a plugin gave is kept until it expires or is refused; files are read anew. */
  async #ask(): Promise<ClusterCredentials> {
    if (this.#stale || !this.#config.getCurrentUser()?.exec) this.#config = this.#load();
    this.#stale = false;
    const options: RequestOptions = {};
    await this.#bounded(this.#config.applyToHTTPSOptions(options));
    return toCredentials(options, clusterOf(this.#config).proxyUrl !== undefined);
  }

  async #bounded(asked: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#clock.after(PLUGIN_LIMIT, () =>
      late.reject(new Error(`no credentials within ${PLUGIN_LIMIT / 1_000} s`)),
    );
    try {
      await Promise.race([asked, late.promise]);
    } catch (error) {
      throw unreadable(error);
    } finally {
      cancel();
    }
  }
}

function toCredentials(options: RequestOptions, proxied: boolean): ClusterCredentials {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries((options.headers ?? {}) as OutgoingHttpHeaders))
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const credentials = { headers, tls: toTls(options) };
  return proxied ? { ...credentials, agent: options.agent as Agent } : credentials;
}

function toTls({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): ClusterTls {
  const given = Object.entries({ ca, cert, key, servername, rejectUnauthorized });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function clusterOf(config: KubeConfig) {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw notSet(`the context ${config.currentContext || '(none)'} names no cluster`);
  return cluster;
}

/** The client makes up an address where it finds none, and leaves trust out where there is no user. */
function checked(config: KubeConfig): KubeConfig {
  const { server, name } = clusterOf(config);
  if (server === 'http://localhost:8080' && name === 'cluster') throw notSet('no cluster is configured');
  if (server.includes('//undefined:')) throw notSet('KUBERNETES_SERVICE_HOST is not set');
  if (!config.getCurrentUser()) throw notSet(`the context ${config.currentContext} names no user`);
  return config;
}

function notSet(message: string): BerthError {
  return new BerthError('bad-setting', message, {
    hint: 'Set KUBECONFIG to a kubeconfig file, or run in a pod with a service account.',
  });
}

function unreadable(error: unknown): BerthError {
  const text = error instanceof Error ? error.message.trim() : String(error);
  return new BerthError('bad-setting', `no credentials for the cluster: ${text.slice(0, 500)}`, {
    cause: error,
    hint: 'Check the kubeconfig: its files, its context, and the credential plugin that it names.',
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
