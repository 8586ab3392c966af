/** What a gateway needs of the place where its servers run. */
import type { SecretStore } from '../auth/secret-store.ts';
import type { BerthError } from '../errors.ts';
import type { GroupDirectory } from '../groups/groups.ts';
import type { Inspections } from '../inspection/inspections.ts';
import type { InspectorOptions } from '../inspection/inspector.ts';
import type { Link } from '../link/link.ts';
import type { Logins } from '../logins/logins.ts';
import type { MetricSource } from '../metrics/metrics.ts';
import type { Component } from '../servers/component.ts';
import type { Servers } from '../servers/servers.ts';
import type { Isolation } from '../supervisor/server-definition.ts';
import type { CustomTemplates } from '../templates/custom-templates.ts';

export interface RuntimeServer {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly isolation: Isolation;
  readonly sessions: 'minted' | 'none';
  readonly failure?: BerthError;
  readonly awaited?: (signal: AbortSignal) => Promise<void>;
}

export interface RuntimeRoute {
  readonly replica: string;
  readonly link: Link;
  /** Which replica it really is, where that has to be asked first. */
  readonly settled?: Promise<RuntimeRoute>;
  readonly next?: (refusal: BerthError) => RuntimeRoute | Promise<RuntimeRoute> | undefined;
}

export interface Runtime {
  /** Where the servers are, in a cluster. */
  readonly namespace?: string;
  readonly servers: Servers;
  /** Absent where templates cannot be added. */
  readonly custom?: CustomTemplates;
  /** Absent where secrets are not the gateway's to keep. */
  readonly secrets?: SecretStore;
  /** Absent where nobody can log in to remote servers. */
  readonly logins?: Logins;
  readonly groups: GroupDirectory;
  /** Makes what tries packages. `info`: what registries say of a package. */
  readonly inspections: (info: InspectorOptions['info']) => Inspections;
  readonly directory: {
    find(name: string): RuntimeServer | undefined;
    /** For a name that nobody has as far as is known here: asks elsewhere. */
    lookUp?(name: string): RuntimeServer['awaited'];
  };
  readonly router: {
    route(
      server: string,
      affinity: string,
      what?: 'session' | { readonly task: string },
    ): RuntimeRoute | undefined;
    replica(server: string, replica: string): Link | undefined;
  };
  /** Clients may come. */
  ready(): boolean;
  /** Called once the gateway listens and its URL is known. */
  begin(): Promise<void>;
  /** Milliseconds that calls in flight get when the gateway stops; 0 where they end with it anyway. */
  readonly drain: number;
  /** What is counted of its servers. */
  readonly metrics: readonly MetricSource[];
  /** How the parts are that it needs. */
  check(): Promise<readonly Component[]>;
}
