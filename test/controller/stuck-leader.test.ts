/** A leader that may not list what it has to see to: it says so, is not ready, and goes when it is told to. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { type RunningController, runController } from '../../src/controller/main.ts';
import { createLog } from '../../src/log/log.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { bodyOf, json, StandInApi, status } from '../cluster-unit/stand-in-api.ts';
import { until } from '../link/waiting.ts';
import { controllerSettings } from '../support/server-world.ts';

let api: StandInApi;
let client: ApiClient;
let clock: ManualClock;
let controller: RunningController;
let lines: string[];

beforeEach(async () => {
  api = await StandInApi.start();
  client = new ApiClient({ access: api.access() });
  clock = new ManualClock();
  lines = [];
});
afterEach(async () => {
  await controller.close();
  client.close();
  await api.close();
});

/** Has leases, and lists anything that is not forbidden, of which there is nothing. */
function start(forbidden: RegExp): void {
  api.answer = async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', api.baseUrl);
    if (forbidden.test(pathname))
      return status(response, 403, 'Forbidden', `cannot list what is at ${pathname}`);
    if (request.method !== 'GET') return json(response, 200, JSON.parse(await bodyOf(request)));
    if (searchParams.get('watch')) return;
    const items = { items: [], metadata: { resourceVersion: '1' } };
    if (/(mcpservers|deployments|jobs|pods|persistentvolumeclaims)$/.test(pathname))
      return json(response, 200, items);
    status(response, 404, 'NotFound', 'there is nothing');
  };
  controller = runController({
    ...{ settings: controllerSettings, client, clock, instance: 'one' },
    templates: new TemplateCatalogue([]),
    log: createLog({ level: 'error', format: 'json', destination: { write: (line) => lines.push(line) } }),
  });
}

const listed = (): boolean => api.requests.some(({ url }) => url.pathname.endsWith('/pods'));

it('says what it cannot list, and is not ready', async () => {
  start(/\/(pods|jobs)$/);
  await until('the first try', () => controller.leading && listed());
  expect(controller.stuck).toBe(false);
  await until('the others', () => {
    clock.advance(60_000);
    return lines.some((line) => /"resources":\["jobs","pods"\]/.test(line));
  });
  expect(lines.at(-1)).toMatch(/cannot list what is at/);
  expect([controller.leading, controller.stuck]).toEqual([true, true]);
});

it('can be ended', async () => {
  start(/\/pods$/);
  await until('the first try', () => controller.leading && listed());
  await controller.close();
  expect(controller.leading).toBe(false);
});

it('is well once everything is listed', async () => {
  start(/^$/);
  const watched = (): number => api.requests.filter(({ url }) => url.searchParams.has('watch')).length;
  await until('its watches', () => watched() === 5);
  clock.advance(600_000);
  expect([controller.stuck, lines]).toEqual([false, []]);
});
