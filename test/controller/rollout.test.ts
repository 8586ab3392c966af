/** What makes the pods of a server anew, and what leaves them as they are. */
import { expect, it } from 'vitest';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import type { Deployment } from '../../src/cluster/objects/deployment.ts';
import {
  keepsPods,
  SETTINGS_ANNOTATION,
  SPEC_ANNOTATION,
  settingsHash,
  specHash,
} from '../../src/controller/rollout.ts';
import { settings as pods } from '../support/blueprints.ts';

const settings = { pods, limits: {}, health: {}, drain: 300_000, placement: {} };

const server = {
  metadata: { name: 'demo', namespace: 'servers' },
  spec: { source: { script: { runtime: 'node', code: '' } } },
} as unknown as McpServer;

/** Made by a Berth of that version, by the same settings. */
const madeBy = (version: string): Deployment =>
  ({
    metadata: {
      annotations: {
        [SPEC_ANNOTATION]: specHash(server),
        [SETTINGS_ANNOTATION]: settingsHash(settings, version),
      },
    },
    spec: { replicas: 1 },
  }) as unknown as Deployment;

it('another version of Berth leaves pods with sessions as they are, though their images have the same names', () => {
  const existing = madeBy('0.0.0-older');
  expect(keepsPods({ server, settings, existing, sessions: 1 })).toBe(true);
  expect(keepsPods({ server, settings, existing, sessions: undefined })).toBe(true);
  expect(keepsPods({ server, settings, existing, sessions: 0 })).toBe(false);
});
