import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { onFittingPython } from '../../src/packages/fitting-python.ts';

/** uv's words about a package that needs another Python than the one it was given. */
function unfit(needed: readonly string[]): BerthError {
  const stderr = needed.map(
    (spec) =>
      `  cause: Because the current Python version (3.11.7) does not satisfy Python${spec} and server==1 depends on Python${spec}, we can conclude that server==1 cannot be used.`,
  );
  return new BerthError('resolve-failed', 'uv could not resolve server', { phase: 'resolve', stderr });
}

/** A machine with these Pythons by what is wished for; records the wishes and on which Python the step ran. */
function machine(pythons: Readonly<Record<string, string>>) {
  const wishes: string[] = [];
  const runs: string[] = [];
  const find = async (wish: string) => {
    wishes.push(wish);
    const path = pythons[wish];
    if (path === undefined) throw new BerthError('resolve-failed', 'uv could not find a Python');
    return { path, tag: 'cpython-311 cpython-311-x86_64-linux-gnu' };
  };
  const on = (step: (path: string) => string) =>
    onFittingPython('server', find, async ({ path }) => {
      runs.push(path);
      return step(path);
    });
  return { wishes, runs, on };
}

const FIRST = { 'cpython>=3.10': '/usr/bin/python3.11' };

describe('a package', () => {
  it('runs on the first Python that there is', async () => {
    const { on, wishes } = machine(FIRST);
    const { python, result } = await on(() => 'done');
    expect([python.path, result, wishes]).toEqual(['/usr/bin/python3.11', 'done', ['cpython>=3.10']]);
  });

  it('that needs a newer one runs on that, if the machine has it', async () => {
    const { on, runs } = machine({ ...FIRST, 'cpython>=3.12': '/opt/python3.13' });
    const { python } = await on((path) => {
      if (path === '/usr/bin/python3.11') throw unfit(['>=3.12']);
      return 'done';
    });
    expect([python.path, runs]).toEqual(['/opt/python3.13', ['/usr/bin/python3.11', '/opt/python3.13']]);
  });

  it.each([
    [['>=3.12'], '>=3.12'],
    [['>=3.13', '>=3.12'], '>=3.12'],
    [['>=3.9,<3.11'], '>=3.9,<3.11'],
  ])('that needs %j and finds none says what is missing', async (needed, told) => {
    const { on } = machine(FIRST);
    const failure = on(() => {
      throw unfit(needed);
    });
    await expect(failure).rejects.toMatchObject({
      code: 'resolve-failed',
      message: `server needs Python ${told}, and this machine has 3.11`,
      details: { phase: 'resolve', stderr: expect.any(Array), hint: expect.stringContaining(told) },
    });
  });

  it('that only its own file tells about is known too', async () => {
    const stderr = [
      '  cause: Because dep==1.0 requires Python >=3.9, <3.11 and only dep==1.0 is available, we',
    ];
    const { on } = machine(FIRST);
    const failure = on(() => {
      throw new BerthError('install-failed', 'uv could not resolve the dependencies of server', { stderr });
    });
    await expect(failure).rejects.toMatchObject({
      code: 'install-failed',
      message: 'server needs Python >=3.9,<3.11, and this machine has 3.11',
    });
  });

  it('that fails for another reason keeps it, and is tried once', async () => {
    const { on, runs } = machine(FIRST);
    const other = new BerthError('resolve-failed', 'uv could not resolve server', { stderr: ['not found'] });
    const failure = on(() => {
      throw other;
    });
    await expect(failure).rejects.toBe(other);
    expect(runs).toHaveLength(1);
  });
});
