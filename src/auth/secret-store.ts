/** Secrets that the gateway keeps for its servers: a file for each, which nobody else can read. Values go in, and come out only to a server. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import { readPrivateJson, writePrivateJson } from './private-file.ts';

export interface SecretInfo {
  readonly name: string;
  /** ISO 8601. */
  readonly updatedAt: string;
}

const schema = z.object({ value: z.string(), updatedAt: z.string() });
const FILE = /^([A-Za-z_][A-Za-z0-9_.-]{0,127})\.json$/;
/** Bytes of one value. */
export const MAX_SECRET_BYTES = 64 * 1024;

export class SecretStore {
  readonly #folder: string;

  /** The folder is made with the first secret. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** By name. */
  list(): SecretInfo[] {
    return this.#names()
      .sort()
      .flatMap((name) => {
        const found = this.#read(name);
        return found ? [{ name, updatedAt: found.updatedAt }] : [];
      });
  }

  /** Undefined for a name that nobody has given. Throws `bad-setting` for a file that others can read. */
  value(name: string): string | undefined {
    return this.#read(name)?.value;
  }

  /** Throws `bad-input`. */
  set(name: string, value: string): void {
    if (value === '') throw new BerthError('bad-input', 'a secret cannot be empty');
    if (Buffer.byteLength(value) > MAX_SECRET_BYTES)
      throw new BerthError('bad-input', `a secret has at most ${MAX_SECRET_BYTES} bytes`);
    if (value.includes('\0')) throw new BerthError('bad-input', 'a secret cannot have a NUL character');
    writePrivateJson(this.#path(name), { value, updatedAt: new Date().toISOString() });
  }

  /** False when there is none. */
  remove(name: string): boolean {
    if (!this.#read(name)) return false;
    rmSync(this.#path(name), { force: true });
    return true;
  }

  #read(name: string): z.output<typeof schema> | undefined {
    if (!FILE.test(`${name}.json`)) return undefined;
    const found = readPrivateJson(this.#path(name));
    return found === undefined ? undefined : schema.safeParse(found).data;
  }

  #path(name: string): string {
    if (!FILE.test(`${name}.json`))
      throw new BerthError(
        'bad-input',
        'a secret has a name of letters, digits, underscores, dots and dashes',
        {
          hint: 'It begins with a letter or an underscore, and has at most 128 characters.',
        },
      );
    return join(this.#folder, `${name}.json`);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder).flatMap((file) => FILE.exec(file)?.[1] ?? []);
    } catch {
      return [];
    }
  }
}
