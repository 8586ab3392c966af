/** The host names that are served here and the web origins that may call. */
import { isLoopbackHost, isWildcardHost } from './loopback.ts';

/** The settings that decide it. */
export interface GuardSettings {
  readonly host: string;
  readonly publicUrl?: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

export interface Names {
  isOurHost(host: string, port: number | undefined): boolean;
  isOurOrigin(origin: string, port: number | undefined): boolean;
}

/** The exact host names and origins, worked out once for the port that is really listened on. */
export function createNames(settings: GuardSettings): Names {
  let knownPort: number | undefined;
  let hosts: ReadonlySet<string> = new Set();
  let origins: ReadonlySet<string> = new Set();
  const learn = (port: number | undefined): void => {
    if (port === knownPort && hosts.size > 0) return;
    const own = ownHosts(settings, port);
    const { host, origin } = settings.publicUrl === undefined ? {} : new URL(settings.publicUrl);
    hosts = new Set(host === undefined ? own : [...own, host]);
    origins = new Set([
      ...own.flatMap(toOrigins),
      ...(origin === undefined ? [] : [origin]),
      ...settings.allowedOrigins,
    ]);
    knownPort = port;
  };
  return {
    isOurHost(host, port) {
      learn(port);
      return hosts.has(host) || hosts.has(host.toLowerCase());
    },
    isOurOrigin(origin, port) {
      learn(port);
      return origins.has(origin);
    },
  };
}

function toOrigins(host: string): string[] {
  return [`http://${host}`, `https://${host}`];
}

function ownHosts({ host, allowedHosts }: GuardSettings, port: number | undefined): string[] {
  const local = isLoopbackHost(host) || isWildcardHost(host) ? ['127.0.0.1', 'localhost', '[::1]'] : [];
  const bound = isWildcardHost(host) ? [] : [host.includes(':') ? `[${host}]` : host.toLowerCase()];
  const listening = [...local, ...bound].map((name) => (port === 80 ? name : `${name}:${port}`));
  const allowed = allowedHosts.flatMap((name) => (hasPort(name) ? [name] : [name, `${name}:${port}`]));
  return [...listening, ...allowed];
}

function hasPort(name: string): boolean {
  return name.lastIndexOf(':') > name.lastIndexOf(']');
}
