import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyStore } from '../../src/auth/keys.ts';
import { ManualClock } from '../../src/clock.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'berth-keys-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const file = (): string => join(dataDir, 'keys.json');

describe('API keys', () => {
  it('are 256 random bits, shown once and stored as hash only', () => {
    const key = new KeyStore({ dataDir }).add('ci');
    expect(key).toMatch(/^berth_[\w-]{43}$/);
    const stored = readFileSync(file(), 'utf8');
    expect(stored).not.toContain(key);
    expect(stored).not.toContain(key.slice(6));
    expect(stored).toContain(createHash('sha256').update(key).digest('hex'));
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(dataDir)).toEqual(['keys.json']);
  });

  it('name their principal, after a restart too', () => {
    const key = new KeyStore({ dataDir }).add('ci');
    const principal = new KeyStore({ dataDir }).verify(key);
    expect(principal).toMatchObject({ id: 'key:ci', digest: expect.stringMatching(/^[\w-]{22}$/) });
  });

  it('are listed without hash', () => {
    const keys = new KeyStore({ dataDir, configured: [{ name: 'helm', hash: 'a'.repeat(64) }] });
    keys.add('ci');
    const user = keys.add('user', 'use');
    const createdAt = expect.stringMatching(/^\d{4}-/);
    expect(keys.list()).toEqual([
      { name: 'helm', source: 'settings', scope: 'manage' },
      { name: 'ci', source: 'file', createdAt, scope: 'manage' },
      { name: 'user', source: 'file', createdAt, scope: 'use' },
    ]);
    expect(new KeyStore({ dataDir }).verify(user)).toMatchObject({ id: 'key:user', scope: 'use' });
  });

  it('of before there were scopes may do everything', () => {
    const key = new KeyStore({ dataDir }).add('old');
    const path = join(dataDir, 'keys.json');
    const text = readFileSync(path, 'utf8');
    expect(text).toContain('"scope"');
    writeFileSync(path, text.replace(/,\s*"scope":\s*"manage"/, ''), { mode: 0o600 });
    expect(new KeyStore({ dataDir }).verify(key)).toMatchObject({ scope: 'manage' });
  });

  it('are refused after removal', () => {
    const keys = new KeyStore({ dataDir });
    const key = keys.add('ci');
    expect(keys.remove('ci')).toBe(true);
    expect(keys.remove('ci')).toBe(false);
    expect(keys.verify(key)).toBeUndefined();
    expect(keys.size).toBe(0);
  });

  it('of the settings are honoured and cannot be removed here', () => {
    const key = `berth_${'k'.repeat(43)}`;
    const hash = createHash('sha256').update(key).digest('hex');
    const keys = new KeyStore({ dataDir, configured: [{ name: 'helm', hash }] });
    expect(keys.verify(key)?.id).toBe('key:helm');
    expect(() => keys.remove('helm')).toThrow(expect.objectContaining({ code: 'conflict' }));
  });

  it('have one name each, of plain letters', () => {
    const keys = new KeyStore({ dataDir });
    keys.add('ci');
    expect(() => keys.add('ci')).toThrow(expect.objectContaining({ code: 'conflict' }));
    for (const bad of ['', 'a b', '../x', '-a', 'x'.repeat(65)]) {
      expect(() => keys.add(bad)).toThrow(expect.objectContaining({ code: 'bad-input' }));
    }
  });
});

describe('another process that changes the file', () => {
  it('adds keys that work at once', () => {
    const gateway = new KeyStore({ dataDir });
    const key = new KeyStore({ dataDir }).add('ci');
    expect(gateway.verify(key)?.id).toBe('key:ci');
  });

  it('removes keys that stop working at the next look', () => {
    const clock = new ManualClock();
    const key = new KeyStore({ dataDir }).add('ci');
    const gateway = new KeyStore({ dataDir, clock });
    gateway.watch(() => undefined);
    const before = gateway.version;
    new KeyStore({ dataDir }).remove('ci');
    clock.advance(1_000);
    expect(gateway.verify(key)).toBeUndefined();
    expect(gateway.version).toBeGreaterThan(before);
    gateway.close();
    gateway.close();
  });

  it('and leaves it damaged is reported, and known keys stay', () => {
    const clock = new ManualClock();
    const gateway = new KeyStore({ dataDir, clock });
    const key = gateway.add('ci');
    const errors: unknown[] = [];
    gateway.watch((error) => errors.push(error));
    writeFileSync(file(), '{');
    clock.advance(5_000);
    expect(errors).toEqual([expect.objectContaining({ code: 'bad-setting' })]);
    expect(gateway.verify(key)?.id).toBe('key:ci');
    gateway.close();
  });
});

describe('a key file', () => {
  it('that others may read is refused', () => {
    new KeyStore({ dataDir }).add('ci');
    chmodSync(file(), 0o644);
    expect(() => new KeyStore({ dataDir })).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });

  it.each(['{', '[]', '{"keys":[{"name":"a","hash":"b"}]}'])('with the text %j is refused', (text) => {
    writeFileSync(file(), text, { mode: 0o600 });
    expect(() => new KeyStore({ dataDir })).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });
});
