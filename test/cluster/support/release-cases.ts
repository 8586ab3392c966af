/** Servers of every kind beside packages, as they are described to a release, and what one call of each answers. */
import { readFileSync } from 'node:fs';
import { FIXTURES } from './images.ts';
import type { RunningRelease } from './release.ts';

/** Text of a program or file of the fixtures. */
export const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');

export interface Case {
  /** Of the server's specification. */
  readonly spec: (release: RunningRelease) => object;
  readonly tool: string;
  readonly input: Record<string, unknown>;
  readonly answer: string;
}

export const CASES: Readonly<Record<string, Case>> = {
  archon: {
    spec: () => ({ source: { archon: {} }, env: { LOG_LEVEL: 'DEBUG' } }),
    tool: 'environment',
    input: { name: 'SERVICE_DISCOVERY_MODE' },
    answer: 'kubernetes',
  },
  'archon-core': {
    spec: () => ({ template: 'archon-core', env: { LOG_LEVEL: 'DEBUG' } }),
    tool: 'environment',
    input: { name: 'DEPLOYMENT_MODE' },
    answer: 'kubernetes',
  },
  'http-image': {
    spec: () => ({
      source: { image: { image: FIXTURES.http } },
      transport: 'http',
      port: 9_000,
      configMaps: { GREETING: { name: 'scripts', key: 'good' } },
    }),
    tool: 'environment',
    input: { name: 'GREETING' },
    answer: 'good day',
  },
  'socket-image': {
    spec: () => ({
      source: { image: { image: FIXTURES.http } },
      transport: 'websocket',
      port: 9_000,
      env: { GREETING: 'good evening' },
    }),
    tool: 'environment',
    input: { name: 'GREETING' },
    answer: 'good evening',
  },
  'static-image': {
    spec: () => ({ source: { image: { image: FIXTURES.static, entrypoint: ['/server'] } } }),
    tool: 'hello',
    input: {},
    answer: 'hello from a static program',
  },
  'inline-script': {
    spec: () => ({
      source: { script: { runtime: 'node', code: fixture('script-server.mjs') } },
      configMaps: { GREETING: { name: 'scripts', key: 'short' } },
    }),
    tool: 'where',
    input: {},
    answer: 'node inline',
  },
  'mounted-script': {
    spec: () => ({
      source: { script: { runtime: 'python', configMapRef: { name: 'scripts', key: 'server.py' } } },
      env: { GREETING: 'mounted' },
    }),
    tool: 'where',
    input: {},
    answer: 'python mounted',
  },
  remote: {
    spec: ({ name, namespace }) => ({
      source: {
        remote: {
          url: `http://${name}-gateway.${namespace}.svc/servers/inline-script/mcp`,
          headers: { Authorization: { fromSecret: { name: 'elsewhere', key: 'key' }, scheme: 'Bearer' } },
        },
      },
      network: { egress: 'allow', allow: [{ cidr: '0.0.0.0/0' }] },
    }),
    tool: 'where',
    input: {},
    answer: 'node inline',
  },
  'remote-socket': {
    spec: ({ name, namespace }) => ({
      source: {
        remote: {
          url: `ws://${name}-gateway.${namespace}.svc/servers/inline-script/ws`,
          headers: { Authorization: { fromSecret: { name: 'elsewhere', key: 'key' }, scheme: 'Bearer' } },
        },
      },
      network: { egress: 'allow', allow: [{ cidr: '0.0.0.0/0' }] },
    }),
    tool: 'where',
    input: {},
    answer: 'node inline',
  },
};
