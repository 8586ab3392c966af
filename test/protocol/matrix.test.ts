/** Every client era in front of every server era over every transport: what each feature comes to, and that the page says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURE_ERAS } from '../support/conformance-fixture.ts';
import { expectedOutcome } from './expected.ts';
import { FEATURES } from './features.ts';
import { openStage, Scene, type Stage, TRANSPORTS_OF } from './scene.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.gateway.close());

describe.each(['legacy', 'stateless', 'modern'] as const)('%s client', (kind) => {
  describe.each(TRANSPORTS_OF[kind])('over %s', (transport) => {
    describe.each(FIXTURE_ERAS)('%s server', (server) => {
      const cell = { kind, transport, server };
      let scene: Scene;
      beforeAll(() => {
        scene = new Scene(stage, cell);
      });
      afterAll(() => scene?.close());
      it.each(Object.entries(FEATURES))('%s', async (feature, probe) => {
        expect(await probe(scene)).toBe(expectedOutcome(feature, cell));
      });
    });
  });
});
