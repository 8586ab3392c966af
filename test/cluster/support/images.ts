/** The images under test: `BERTH_TEST_IMAGES` names the gateway's, from which the names of the others follow. */
import type { PodSettings } from '../../../src/cluster/objects/blueprint.ts';
import { settings } from '../../support/blueprints.ts';

const GATEWAY = process.env.BERTH_TEST_IMAGES ?? 'berth:test';
const [, repository = '', tag = ''] = partsOf(GATEWAY);

export interface ImageNames {
  readonly gateway: string;
  readonly supervisor: string;
  readonly runner: string;
}

export const IMAGES = imagesOf(GATEWAY);

/** All three by the name of the gateway's. */
export function imagesOf(gateway: string): ImageNames {
  const [, name = '', version = ''] = partsOf(gateway);
  return { gateway, supervisor: `${name}-supervisor${version}`, runner: `${name}-runner${version}` };
}

function partsOf(image: string): readonly string[] {
  return /^(.*?)(:[\w.-]+)?$/.exec(image) ?? [];
}

/** Any image with Node and a shell, for programs that are not ours. */
export const NODE_IMAGE = process.env.BERTH_TEST_NODE_IMAGE ?? IMAGES.runner;

/** Servers of the tests' own, of test/cluster/fixtures. */
export const FIXTURES = {
  archon: `${repository}-fixture-archon${tag}`,
  http: `${repository}-fixture-http${tag}`,
  static: `${repository}-fixture-static${tag}`,
} as const;

/** What a chart would set, small enough for any cluster. */
export function podSettings(namespace: string): PodSettings {
  return {
    ...settings,
    releaseNamespace: namespace,
    images: IMAGES,
    resources: {
      supervisor: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
      workload: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '1Gi' } },
      installer: { requests: { cpu: '10m', memory: '128Mi' }, limits: { memory: '1Gi' } },
    },
  };
}
