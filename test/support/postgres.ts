/** A PostgreSQL of a test's own: the one that is installed here, over a new folder, on a loopback port, gone at the end. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './ports.ts';

export interface TestPostgres {
  readonly port: number;
  /** With user and password. */
  readonly uri: string;
  close(): Promise<void>;
}

const USER = 'tester';
export const PASSWORD = 'a-password-of-the-test';
const DEBIAN = '/usr/lib/postgresql';

/** The folder with `initdb` and `postgres`; undefined where there is no PostgreSQL. */
export function findPostgres(): string | undefined {
  const versions = readNames(DEBIAN).sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
  ];
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => isProgram(join(folder, name))));
}

/** Starts one with the tables that `sql` makes. Rejects with what it said last. */
export async function startPostgres(programs: string, sql: string): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-postgres-'));
  const data = join(folder, 'data');
  const who = otherUser();
  const secret = join(folder, 'password');
  writeFileSync(secret, PASSWORD);
  if (who) for (const path of [folder, secret]) chownSync(path, who.uid, who.gid);
  const run = { cwd: folder, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' }, ...who };
  try {
    const auth = ['--username', USER, '--pwfile', secret, '--auth', 'scram-sha-256'];
    const cheap = ['--no-sync', '--no-instructions', '--encoding', 'UTF8', '--locale', 'C'];
    await promisify(execFile)(join(programs, 'initdb'), ['--pgdata', data, ...auth, ...cheap], run);
    // Alone with its files, before anybody can connect.
    execFileSync(join(programs, 'postgres'), ['--single', '-F', '-j', '-D', data, 'postgres'], {
      ...{ ...run, input: `${sql}\n\n`, stdio: ['pipe', 'ignore', 'ignore'] },
    });
    const port = await freePort();
    const args = ['-D', data, '-F', '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-k', ''];
    const child = spawn(join(programs, 'postgres'), args, { ...run, stdio: 'ignore' });
    await untilTaken(port, child);
    return {
      port,
      uri: `postgresql://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`,
      close: async () => {
        const ended = once(child, 'exit');
        // A fast shutdown: sessions are cut off.
        if (child.exitCode === null && child.kill('SIGINT')) await ended;
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** It does not run as root. */
function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function untilTaken(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const taken = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (taken) return;
    await pause(50);
  }
  throw new Error('postgres does not listen');
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
