/** API keys: made here, shown once, kept as hashes. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Cancel, type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { whileLocked } from './file-lock.ts';
import { createPrincipal, type Principal, SCOPES, type Scope } from './principal.ts';
import { readPrivateJson, writePrivateJson } from './private-file.ts';

export interface KeyInfo {
  readonly name: string;
  /** From the settings (cannot be removed here) or from the data folder. */
  readonly source: 'settings' | 'file';
  /** ISO time; absent for keys of the settings. */
  readonly createdAt?: string;
  readonly scope: Scope;
}

export interface KeyStoreOptions {
  readonly dataDir: string;
  /** Keys of the settings: name and SHA-256 in hex. */
  readonly configured?: readonly { readonly name: string; readonly hash: string }[];
  readonly clock?: Clock;
}

interface StoredKey {
  readonly hash: Buffer;
  readonly info: KeyInfo;
  readonly principal: Principal;
}

const KEY_BYTES = 32;
const KEY_PREFIX = 'berth_';
const KEY_LENGTH = KEY_PREFIX.length + 43;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** How long a key that another process removed may still be honoured, at most. */
const WATCH_INTERVAL_MS = 1_000;

const fileSchema = z.object({
  keys: z.array(
    z.object({
      name: z.string().regex(NAME),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      createdAt: z.string(),
      /** Keys that were made before there were scopes may do everything. */
      scope: z.enum(SCOPES).default('manage'),
    }),
  ),
});
type FileKey = z.output<typeof fileSchema>['keys'][number];

/** The keys of the settings and of `keys.json` in the data folder, which other processes (the command) may change meanwhile. */
export class KeyStore {
  readonly #path: string;
  readonly #configured: readonly StoredKey[];
  readonly #clock: Clock;
  #fileKeys: readonly FileKey[] = [];
  #keys: readonly StoredKey[] = [];
  #stamp = '';
  #version = 0;
  readonly #listeners: (() => void)[] = [];
  #unwatch: Cancel | undefined;

  /** Reads the file. Throws `bad-setting` when it is damaged or open to other users. */
  constructor({ dataDir, configured = [], clock = systemClock }: KeyStoreOptions) {
    this.#path = join(dataDir, 'keys.json');
    this.#clock = clock;
    this.#configured = configured.map(({ name, hash }) =>
      toStored(hash, { name, source: 'settings', scope: 'manage' }),
    );
    this.refresh();
  }

  /** Grows with every change, so that callers can drop what they remembered. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#keys.length;
  }

  list(): KeyInfo[] {
    return this.#keys.map(({ info }) => info);
  }

  /** Makes a key and returns its text, which is stored nowhere. Throws `bad-input` for a bad name, `conflict` for a taken one. */
  add(name: string, scope: Scope = 'manage'): string {
    if (!NAME.test(name))
      throw new BerthError(
        'bad-input',
        'a key name has 1 to 64 letters, digits, dots, dashes or underscores',
      );
    return whileLocked(this.#path, () => this.#add(name, scope));
  }

  #add(name: string, scope: Scope): string {
    this.refresh();
    if (this.#keys.some(({ info }) => info.name === name))
      throw new BerthError('conflict', `a key named ${name} exists`);
    const key = `${KEY_PREFIX}${randomBytes(KEY_BYTES).toString('base64url')}`;
    this.#write([
      ...this.#fileKeys,
      { name, hash: hashKey(key).toString('hex'), createdAt: new Date().toISOString(), scope },
    ]);
    return key;
  }

  /** Removes a key of the data folder; false when there is none. Throws `conflict` for a key of the settings. */
  remove(name: string): boolean {
    return whileLocked(this.#path, () => this.#remove(name));
  }

  #remove(name: string): boolean {
    this.refresh();
    const known = this.#keys.find(({ info }) => info.name === name);
    if (known?.info.source === 'settings') {
      throw new BerthError('conflict', `key ${name} comes from the settings`, {
        hint: 'Remove it from the keys setting.',
      });
    }
    if (known) this.#write(this.#fileKeys.filter((key) => key.name !== name));
    return known !== undefined;
  }

  /** The principal of a key's text; every stored hash is compared in constant time. */
  verify(key: string): Principal | undefined {
    if (key.length !== KEY_LENGTH || !key.startsWith(KEY_PREFIX)) return undefined;
    const hash = hashKey(key);
    return this.#find(hash) ?? (this.#couldRefresh() ? this.#find(hash) : undefined);
  }

  /** Reads the file again if it has changed. Throws `bad-setting` once per bad change; the known keys stay. */
  refresh(): void {
    const stats = statSync(this.#path, { throwIfNoEntry: false, bigint: true });
    const stamp = stats ? `${stats.ino} ${stats.size} ${stats.mtimeNs}` : 'none';
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#fileKeys = this.#read();
    const fromFile = this.#fileKeys.map(({ name, hash, createdAt, scope }) =>
      toStored(hash, { name, source: 'file', createdAt, scope }),
    );
    this.#keys = [...this.#configured, ...fromFile];
    this.#version++;
    for (const listener of this.#listeners) listener();
  }

  /** `listener` is called after every change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Keeps up with changes by other processes until {@link close}. `onError` hears of a file that became unreadable; known keys stay. */
  watch(onError: (error: unknown) => void): void {
    this.#unwatch ??= this.#clock.every(WATCH_INTERVAL_MS, () => {
      try {
        this.refresh();
      } catch (error) {
        onError(error);
      }
    });
  }

  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #find(hash: Buffer): Principal | undefined {
    let principal: Principal | undefined;
    for (const stored of this.#keys) if (timingSafeEqual(stored.hash, hash)) principal = stored.principal;
    return principal;
  }

  /** True when there are other keys now; a file that cannot be read is reported by {@link watch}, not to a caller. */
  #couldRefresh(): boolean {
    const before = this.#version;
    try {
      this.refresh();
    } catch {
      return false;
    }
    return this.#version !== before;
  }

  #read(): readonly FileKey[] {
    const content = readPrivateJson(this.#path);
    if (content === undefined) return [];
    const parsed = fileSchema.safeParse(content);
    if (!parsed.success) throw new BerthError('bad-setting', `${this.#path} is no list of keys`);
    return parsed.data.keys;
  }

  #write(keys: readonly FileKey[]): void {
    writePrivateJson(this.#path, { keys });
    this.refresh();
  }
}

function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function toStored(hash: string, info: KeyInfo): StoredKey {
  return { hash: Buffer.from(hash, 'hex'), info, principal: createPrincipal(`key:${info.name}`, info.scope) };
}
