import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const RUN_CHILD = new URL('../../bin/run-child.mjs', import.meta.url).href;

/** A program that runs `script` through run-child and ends with the code that this gives. */
function launcher(script: string) {
  const text = `const { runChild } = await import(${JSON.stringify(RUN_CHILD)});
    process.exitCode = await runChild(process.execPath, ['-e', ${JSON.stringify(script)}]);`;
  return spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('a launcher', () => {
  it('keeps the exit code of its program', async () => {
    expect(await once(launcher('process.exit(42)'), 'exit')).toEqual([42, null]);
  });

  it('reports the signal that ended its program as a shell does', async () => {
    expect(await once(launcher("process.kill(process.pid, 'SIGKILL')"), 'exit')).toEqual([137, null]);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    'passes %s on and waits for the program',
    async (signal) => {
      const child = launcher(`
      process.on('${signal}', () => { console.log('got it'); clearInterval(timer); process.exitCode = 7; });
      const timer = setInterval(() => {}, 1000);
      console.log('ready');`);
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
        if (text === 'ready\n') child.kill(signal);
      });
      expect(await once(child, 'exit')).toEqual([7, null]);
      expect(text).toContain('got it');
    },
  );

  it('ends its program when the shell that npm started it in is gone', async () => {
    const text = `const { runChild } = await import(${JSON.stringify(RUN_CHILD)});
      await runChild(process.execPath, ['-e', "process.on('SIGTERM', () => { console.log('told'); process.exit(); }); setInterval(() => {}, 1000); console.log('ready');"]);`;
    const shell = spawn('sh', ['-c', '"$0" --input-type=module -e "$1"; true', process.execPath, text], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, npm_lifecycle_event: 'start' },
    });
    let output = '';
    shell.stdout.on('data', (chunk) => {
      output += chunk;
      if (output === 'ready\n') shell.kill('SIGTERM');
    });
    await once(shell.stdout, 'end');
    expect(output).toBe('ready\ntold\n');
  });
});
