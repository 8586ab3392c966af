/** Packages tried over the API. */
import { expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../../src/auth/principal.ts';
import { BerthError } from '../../src/errors.ts';
import { createInspector } from '../inspection/doubles.ts';
import { createFixture } from '../servers/doubles.ts';
import { underContract } from './contract.ts';

const PATH = '/api/v1/inspect';
const NPM = { source: { npm: { name: 'some-server' } } };

async function start({ without = false } = {}) {
  const fixture = await createFixture();
  const { inspector, inspections } = createInspector(fixture);
  const api = underContract(createApi({ ...fixture, ...(!without && { inspector }) }));
  const send = async (body: unknown, headers = {}, principal: Principal = LOCAL_PRINCIPAL) =>
    await api.fetch(
      new Request(`http://127.0.0.1${PATH}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
      { principal },
    );
  return { ...fixture, inspections, api, send };
}

it('answers with the report and a template', async () => {
  const { send, inspections } = await start();
  const response = await send({ ...NPM, args: ['-v'], network: true });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    report: { result: 'passed', package: { name: 'some-server' }, sandbox: { network: 'machine' } },
    pinned: { slug: 'some-server', server: { packages: [{ version: '1.2.3' }] } },
  });
  expect(inspections.started[0]).toMatchObject({ network: true, unsafe: false });
});

it('tells how far it has come to those who ask for lines', async () => {
  const { send } = await start();
  const response = await send(NPM, { Accept: 'application/x-ndjson' });
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ type, phase }) => phase ?? type)).toEqual(['install', 'start', 'inspection']);
  expect(lines.at(-1)).toMatchObject({ report: { result: 'passed' }, pinned: { slug: 'some-server' } });
});

it('says what keeps a package from being tried, as a problem or as the last line', async () => {
  const { send, packages } = await start();
  packages.unknown = new BerthError('resolve-failed', 'there is no such package', { phase: 'resolve' });
  const response = await send(NPM);
  expect([response.status, await response.json()]).toEqual([
    502,
    expect.objectContaining({ code: 'resolve-failed', phase: 'resolve' }),
  ]);
  const lines = await (await send(NPM, { Accept: 'application/x-ndjson' })).text();
  expect(JSON.parse(lines)).toMatchObject({ type: 'failed', problem: { code: 'resolve-failed' } });
  expect((await send({ ...NPM, who: 1 })).status).toBe(400);
});

it('is for those who manage servers, and for gateways that can try something', async () => {
  const { send } = await start();
  const user: Principal = { ...LOCAL_PRINCIPAL, scope: 'use' };
  expect((await send(NPM, {}, user)).status).toBe(403);
  const elsewhere = await start({ without: true });
  const response = await elsewhere.send(NPM);
  expect([response.status, await response.json()]).toEqual([
    403,
    expect.objectContaining({ code: 'not-allowed', hint: expect.stringContaining('berth inspect') }),
  ]);
});
