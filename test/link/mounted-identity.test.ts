import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { BerthError } from '../../src/errors.ts';
import { type MountedIdentity, watchIdentity } from '../../src/link/mounted-identity.ts';
import type { TlsIdentity } from '../../src/link/tls-identity.ts';
import { certificate } from '../support/certificates.ts';
import { until } from './waiting.ts';

const authority = certificate({ name: 'Berth test' });
const issue = (): TlsIdentity => ({ ...certificate({ name: 'a', issuer: authority }), ca: authority.cert });
const clock = new ManualClock();
const renewed: TlsIdentity[] = [];
const faults: string[] = [];
let folder: string;
let watched: MountedIdentity | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-identity-'));
});
afterEach(() => {
  watched?.close();
  watched = undefined;
  rmSync(folder, { recursive: true });
  renewed.length = 0;
  faults.length = 0;
});

function write({ cert, key, ca }: TlsIdentity): void {
  for (const [name, text] of Object.entries({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': ca }))
    writeFileSync(join(folder, name), text);
}

async function watch(): Promise<void> {
  watched = await watchIdentity({
    folder,
    clock,
    onRenewed: (identity) => renewed.push(identity),
    onError: ({ message }: BerthError) => faults.push(message),
  });
}

async function look(done: () => boolean, what: string): Promise<void> {
  clock.advance(5_000);
  await until(what, done);
}

it('has what is there, and what comes after it', async () => {
  write(issue());
  await watch();
  const next = issue();
  write(next);
  await look(() => renewed.length > 0, 'the renewal');
  expect([watched?.current.cert, renewed[0]?.key]).toEqual([next.cert, next.key]);
});

it('goes on with what it had while the files do not belong together, and says so once', async () => {
  const first = issue();
  write(first);
  await watch();
  const next = issue();
  writeFileSync(join(folder, 'tls.key'), next.key);
  await look(() => faults.length > 0, 'the fault');
  expect(faults[0]).toContain('do not belong together');
  expect(watched?.current.key).toBe(first.key);
  write(next);
  await look(() => renewed.length > 0, 'the renewal');
  expect(faults).toHaveLength(1);
});

it('refuses to begin without certificates', async () => {
  await expect(watch()).rejects.toMatchObject({
    code: 'bad-setting',
    message: expect.stringContaining('tls.crt'),
  });
  write({ ...issue(), ca: 'no certificate' });
  await expect(watch()).rejects.toMatchObject({
    code: 'bad-setting',
    message: expect.stringContaining('holds no certificate'),
  });
});
