/** pypiserver, a real Python index (HTML pages, no JSON API), on the loopback address, filled with wheels. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, untilAnswers } from './ports.ts';
import { testPackages, testTree } from './trees.ts';

export interface PythonIndex {
  /** The simple index, with a slash at its end. */
  readonly url: string;
  publish(file: string, bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

export async function startPypiServer(): Promise<PythonIndex> {
  const tree = await testTree({
    ecosystem: 'pypi',
    name: 'pypiserver',
    version: '2.4.2',
    bin: 'pypi-server',
  });
  const home = await mkdtemp(join(tmpdir(), 'berth-pypiserver-'));
  const files = join(home, 'files');
  await mkdir(files);
  const port = await freePort();
  const options = [
    'run',
    '--interface',
    '127.0.0.1',
    '--port',
    String(port),
    '--authenticate',
    '.',
    '--passwords',
    '.',
  ];
  const { file, args, env } = testPackages().launch(tree, {
    args: [...options, '--disable-fallback', files],
    env: {},
    home,
  });
  const child = spawn(file, args, { cwd: home, env, stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}/simple/`;
  await untilAnswers(url, child);
  return {
    url,
    publish: (name, bytes) => writeFile(join(files, name), bytes),
    async close() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill()) await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}
