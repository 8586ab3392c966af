/** Every client era in front of every server era over every transport: what each feature comes to, and that the page says so. To renew the page: `npm test -- test/protocol -u`. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../docs/pages.ts';
import { FIXTURE_ERAS } from '../support/conformance-fixture.ts';
import { expectedOutcome } from './expected.ts';
import { FEATURES } from './features.ts';
import { Measured, PAGE } from './page.ts';
import { openStage, Scene, type Stage, TRANSPORTS_OF } from './scene.ts';

const measured = new Measured(Object.keys(FEATURES));

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
        const outcome = await probe(scene);
        measured.add(feature, cell, outcome);
        expect(outcome).toBe(expectedOutcome(feature, cell));
      });
    });
  });
});

it(`${PAGE} says what was measured`, async () => {
  await expect(measured.page()).toMatchFileSnapshot(join(ROOT, PAGE));
});
