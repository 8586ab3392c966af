/** A sandboxed program: what it can see, write and reach. What runs one needs bubblewrap, and says so in its name. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { askedName, noSuchName } from '../../src/supervisor/sandbox/asked-names.ts';
import { findSandbox } from '../../src/supervisor/sandbox/bubblewrap.ts';
import type { Place, Sandbox } from '../../src/supervisor/sandbox/containment.ts';

const found = await findSandbox();
const sandbox = 'sandbox' in found ? found.sandbox : undefined;

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function createPlace(network = false): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-sandbox-test-'));
  folders.push(folder);
  const home = join(folder, 'home');
  await mkdir(home);
  return { folder, home, temporary: join(folder, 'tmp'), readable: [dirname(process.execPath)], network };
}

/** What a Node script in the sandbox writes to standard output, as JSON. */
async function run(script: string, place: Place): Promise<Record<string, unknown>> {
  const env = { PATH: '/usr/bin:/bin', HOME: place.home, GIVEN: 'yes' };
  const launch = {
    file: process.execPath,
    args: ['--input-type=module', '-e', script],
    env,
    cwd: place.home,
  };
  const contained = await (sandbox as Sandbox).contain(launch, place);
  const { stdout } = await promisify(execFile)(contained.file, contained.args, {
    env: contained.env,
    cwd: contained.cwd,
  });
  return JSON.parse(stdout);
}

describe('without bubblewrap', () => {
  it('says that it is not there', async () => {
    expect(await findSandbox({ PATH: tmpdir() })).toEqual({ reason: expect.stringMatching(/bubblewrap/) });
  });

  it('says what is wrong with one that does not work', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-bwrap-'));
    folders.push(folder);
    await writeFile(join(folder, 'bwrap'), '#!/bin/sh\necho "no user namespaces" >&2\nexit 1\n', {
      mode: 0o755,
    });
    expect(await findSandbox({ PATH: folder })).toEqual({
      reason: expect.stringContaining('no user namespaces'),
    });
  });
});

describe.runIf(sandbox)('in a sandbox (runs where bubblewrap works)', () => {
  it('has no rights, and sees no processes but its own', async () => {
    const script = `
      import { readFileSync, readdirSync } from 'node:fs';
      const status = readFileSync('/proc/self/status', 'utf8');
      const field = (name) => status.match(new RegExp('^' + name + ':\\\\s+(\\\\S+)', 'm'))[1];
      console.log(JSON.stringify({
        caps: ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(field),
        noNewPrivs: field('NoNewPrivs'),
        uid: process.getuid(),
        pids: readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length,
        env: Object.keys(process.env).sort(),
      }));`;
    const seen = await run(script, await createPlace());
    expect(seen).toMatchObject({
      caps: Array(4).fill('0000000000000000'),
      noNewPrivs: '1',
      uid: 65534,
      env: expect.arrayContaining(['GIVEN', 'HOME', 'PATH']),
    });
    expect(seen.env).not.toContain('BERTH_DATA_DIR');
    expect(seen.pids).toBeLessThan(5);
  });

  it('can write its home and /tmp, and nothing else', async () => {
    const script = `
      import { writeFileSync } from 'node:fs';
      const places = ['/', '/usr/', '/etc/', '/var/', '/home/', '/root/', process.execPath + '.', process.env.HOME + '/', '/tmp/'];
      const written = places.filter((place) => { try { writeFileSync(place + 'written', 'x'); return true; } catch { return false; } });
      console.log(JSON.stringify({ written: written.length, last: written.at(-1), places: places.length }));`;
    const place = await createPlace();
    expect(await run(script, place)).toEqual({ written: 2, last: '/tmp/', places: 9 });
    expect(await readFile(join(place.home, 'written'), 'utf8')).toBe('x');
    expect(await readFile(join(place.temporary, 'written'), 'utf8')).toBe('x');
  });

  it("cannot read what is anybody's", async () => {
    const place = await createPlace();
    await writeFile(join(place.folder, 'other'), 'x');
    const paths = [
      '/etc/shadow',
      '/root',
      '/home',
      '/var',
      import.meta.filename,
      join(place.folder, 'other'),
      '/sys',
    ];
    const script = `
      import { existsSync } from 'node:fs';
      console.log(JSON.stringify({ seen: ${JSON.stringify(paths)}.filter((path) => existsSync(path)) }));`;
    expect(await run(script, place)).toEqual({ seen: [] });
  });

  it('reaches nothing, not even this machine, and the names that it asks for are known', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('x')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const script = `
      import { lookup } from 'node:dns/promises';
      import { connect } from 'node:net';
      import { once } from 'node:events';
      const dial = async (host, port) => { try { await once(connect(port, host), 'connect'); return 'open'; } catch (error) { return error.code; } };
      const names = [];
      for (const name of ['api.one.invalid', 'TWO.invalid', 'api.one.invalid']) names.push(await lookup(name).catch((error) => error.code));
      console.log(JSON.stringify({ here: await dial('127.0.0.1', ${port}), address: await dial('192.0.2.1', 80), names }));`;
    const place = await createPlace();
    try {
      expect(await run(script, place)).toEqual({
        here: 'ECONNREFUSED',
        address: 'ENETUNREACH',
        names: Array(3).fill(expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/)),
      });
    } finally {
      server.close();
    }
    const seen = await (sandbox as Sandbox).seen(place);
    // Where only one level of namespaces is allowed nobody can watch, and nothing is claimed.
    if (seen.startedAt !== undefined) expect(seen.hosts).toEqual(['api.one.invalid', 'two.invalid']);
    else expect(seen.hosts).toBeUndefined();
  });

  it('keeps the network of the machine when it is asked to, and claims nothing about it', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('x')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const script = `
      import { connect } from 'node:net';
      import { once } from 'node:events';
      await once(connect(${port}, '127.0.0.1'), 'connect');
      console.log(JSON.stringify({ here: 'open' }));
      process.exit();`;
    const place = await createPlace(true);
    try {
      expect(await run(script, place)).toEqual({ here: 'open' });
    } finally {
      server.close();
    }
    expect(await (sandbox as Sandbox).seen(place)).toEqual({});
  });
});

describe('the name server', () => {
  const question = (name: string): Buffer => {
    const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
    const head = Buffer.from([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1]);
    const extra = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1]), extra]);
  };

  it('reads the name of a question', () => {
    expect(askedName(question('API.Example.com'))).toBe('api.example.com');
    expect(askedName(question('_dns.a-b.example'))).toBe('_dns.a-b.example');
  });

  it('answers that there is no such name, and no more than the question', () => {
    const asked = question('api.example.com');
    const answer = noSuchName(asked);
    expect(answer.toString('hex')).toBe(
      `12348183${'0001'}${'000000000000'}${asked.subarray(12, 12 + 17 + 4).toString('hex')}`,
    );
  });

  it.each([
    [
      'an answer',
      Buffer.concat([Buffer.from([0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from([1, 97, 0])]),
    ],
    ['no question', Buffer.alloc(12)],
    ['half a name', question('api.example.com').subarray(0, 16)],
    [
      'a compressed name',
      Buffer.concat([question('a').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    ],
    ['control characters', question('a\nb.example')],
    ['nothing', Buffer.alloc(0)],
  ])('takes %s for no question', (_what, packet) => {
    expect(askedName(packet)).toBeUndefined();
  });
});
