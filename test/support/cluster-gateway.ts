/** The gateway's program on this machine, before whatever API server its kubeconfig names. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSealKey } from '../../src/auth/key-ring.ts';
import { freePort } from './ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface ClusterGateway {
  readonly program: ChildProcess;
  readonly url: string;
  /** What it has written so far: the log of a pod. */
  readonly output: string;
  /** Status of a probe; 0 while nobody answers. */
  probe(path: '/livez' | '/readyz'): Promise<number>;
  /** Gives it the keys without which it is not ready. */
  writeKeys(): void;
  /** Kills it, if it has not ended by itself. */
  close(): Promise<void>;
}

/** Resolves at once: its program may not have begun. */
export async function spawnClusterGateway(options: {
  /** A file. */
  readonly kubeconfig: string;
  readonly namespace: string;
}): Promise<ClusterGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-program-'));
  const [port, probes] = [await freePort(), await freePort()];
  const sealKeys = join(folder, 'seal-keys.json');
  const program = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      KUBECONFIG: options.kubeconfig,
      BERTH_RUNTIME: 'kubernetes',
      BERTH_SERVERS_NAMESPACE: options.namespace,
      BERTH_DATA_DIR: join(folder, 'data'),
      BERTH_PORT: String(port),
      BERTH_METRICS_PORT: String(probes),
      BERTH_SEAL_KEYS: sealKeys,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(program, 'exit');
  let output = '';
  for (const stream of [program.stdout, program.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  return {
    program,
    url: `http://127.0.0.1:${port}`,
    get output() {
      return output;
    },
    probe: (path) =>
      fetch(`http://127.0.0.1:${probes}${path}`).then(
        ({ status }) => status,
        () => 0,
      ),
    writeKeys: () => {
      const { name, secret } = createSealKey();
      const keys = [{ name, secret: Buffer.from(secret).toString('base64url') }];
      writeFileSync(sealKeys, JSON.stringify({ keys }));
    },
    close: async () => {
      if (program.exitCode === null && program.signalCode === null) {
        program.kill('SIGKILL');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
