/** Names that nobody has, asked for over the API in a crowd while the API server is slow. */
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LOOK_WITHIN, MOST_LOOKUPS } from '../../../src/cluster/gateway/name-lookups.ts';
import { parseServerSpec } from '../../../src/servers/server-spec.ts';
import { calm, until } from '../../link/waiting.ts';
import { status } from '../stand-in-api.ts';
import { createFixture, type Fixture } from './fixture.ts';

const CROWD = 100;

let fixture: Fixture;
let waiting: ServerResponse[];

beforeEach(async () => {
  fixture = await createFixture();
  waiting = [];
  fixture.cluster.intercept = ({ path }, response) => {
    if (!/\/mcpservers\/nobody-\d+$/.test(path)) return false;
    waiting.push(response);
    return true;
  };
});
afterEach(() => fixture.close());

const crowd = (): Promise<string>[] =>
  Array.from({ length: CROWD }, (_, index) =>
    fixture.servers.get(`nobody-${index}`).then(
      () => 'found',
      ({ code }: { code: string }) => code,
    ),
  );

it('leave room for those who make a server', async () => {
  const asked = crowd();
  await until('the first questions', () => waiting.length === MOST_LOOKUPS);
  const { created } = await fixture.servers.run(parseServerSpec({ name: 'new', template: 'everything' }));
  expect([created, waiting.length]).toEqual([true, MOST_LOOKUPS]);
  for (let at = 0; at < CROWD; at++) {
    await until('the next question', () => waiting.length > at);
    status(waiting[at] as ServerResponse, 404, 'NotFound', 'not found');
  }
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['not-found']));
});

it('are not waited for longer than a moment, also when it was never their turn', async () => {
  const asked = crowd();
  await until('the first questions', () => waiting.length === MOST_LOOKUPS);
  fixture.clock.advance(LOOK_WITHIN);
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['busy']));
  await calm();
  expect(waiting).toHaveLength(MOST_LOOKUPS);
  const next = crowd();
  await until('the next questions', () => waiting.length === 2 * MOST_LOOKUPS);
  fixture.clock.advance(LOOK_WITHIN);
  await Promise.all(next);
});
