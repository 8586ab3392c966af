/** What is kept of a login: a file for each server, which nobody else can read. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readPrivateJson, writePrivateJson } from '../auth/private-file.ts';

const text = z.string();
const schema = z.object({
  /** Of the remote server; the token goes nowhere else. */
  url: text,
  authority: z.object({
    issuer: text,
    token_endpoint: text,
    revocation_endpoint: text.exactOptional(),
  }),
  client: z.object({
    client_id: text,
    client_secret: text.exactOptional(),
    token_endpoint_auth_method: text.exactOptional(),
  }),
  resource: text,
  scope: text.optional(),
  accessToken: text,
  refreshToken: text.optional(),
  /** Milliseconds since 1970. */
  expiresAt: z.number().optional(),
});

export type StoredLogin = z.output<typeof schema>;

const FILE = /^([0-9a-f-]{36})\.json$/;

export class LoginFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws `bad-setting` for a file that others can read. */
  read(server: string): StoredLogin | undefined {
    const found = readPrivateJson(this.#path(server));
    return found === undefined ? undefined : schema.safeParse(found).data;
  }

  write(server: string, login: StoredLogin): void {
    writePrivateJson(this.#path(server), login);
  }

  remove(server: string): void {
    rmSync(this.#path(server), { force: true });
  }

  /** Ids of the servers that somebody has logged in to. */
  servers(): string[] {
    try {
      return readdirSync(this.#folder).flatMap((name) => FILE.exec(name)?.[1] ?? []);
    } catch {
      return [];
    }
  }

  #path(server: string): string {
    return join(this.#folder, `${server}.json`);
  }
}
