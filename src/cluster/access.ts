/** Where a cluster's API server is and how it is spoken to: the one thing that the Kubernetes client is asked for. */
import type { Agent } from 'node:http';

/** What `node:tls` is told about trust and the client's own certificate. */
export interface ClusterTls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Credentials for one request; they may differ for the next. */
export interface ClusterCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: ClusterTls;
  /** Only where a proxy stands between: its connections are made by this agent. */
  readonly agent?: Agent;
}

export interface ClusterAccess {
  /** `https://host:port`, perhaps with a path, without a slash at the end. */
  readonly baseUrl: string;
  /** The namespace of the context, or of the pod that this program runs in. */
  readonly namespace: string;
  /** Asks for the credentials anew at most every 60 s. Rejects with BerthError. */
  credentials(): Promise<ClusterCredentials>;
  /** The API server refused the credentials: the next {@link credentials} reads everything again. */
  refresh(): void;
}
