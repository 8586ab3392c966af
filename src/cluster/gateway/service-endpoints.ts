/** Where a workload can be called, read off the Services that select its pods. */
import { isIPv6 } from 'node:net';
import type { Endpoint } from '../../servers/server-view.ts';
import type { KubeObject } from '../resources.ts';
import type { DeploymentObject } from './foreign-deployment.ts';

export interface Service extends KubeObject {
  readonly spec: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly externalName?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
    };
  };
}

/** Those whose selector fits the pods of the Deployment; the name of a Service says nothing. */
export function servicesFor({ metadata, spec }: DeploymentObject, services: readonly Service[]): Service[] {
  const labels = spec.template.metadata?.labels ?? {};
  return services.filter((service) => {
    const wanted = Object.entries(service.spec.selector ?? {});
    const here = service.metadata.namespace === metadata.namespace;
    return here && wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
  });
}

/** One for each port, and for each address of a load balancer. A node port is a port of every node. */
export function endpointsOf(service: Service): Endpoint[] {
  const { type = 'ClusterIP', ports = [] } = service.spec;
  const urls = ports.flatMap(({ port, nodePort }) => {
    if (type === 'NodePort') return nodePort === undefined ? [] : [`nodePort://*:${nodePort}`];
    if (type === 'LoadBalancer') return balancers(service).map((host) => httpUrl(host, port));
    return type === 'ClusterIP' ? [httpUrl(clusterHost(service), port)] : [];
  });
  return urls.map((url) => ({ transport: 'unknown', url }));
}

function balancers({ status }: Service): string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
}

/** A headless Service has no address of its own, only a name. */
function clusterHost({ metadata, spec }: Service): string {
  const headless = spec.clusterIP === undefined || spec.clusterIP === '' || spec.clusterIP === 'None';
  return headless ? `${metadata.name}.${metadata.namespace}.svc` : (spec.clusterIP ?? '');
}

function httpUrl(host: string, port: number): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
