/** What a test makes goes when it ends, before the next one begins. */
import { onTestFinished, TestRunner } from 'vitest';
import type { ApiClient } from '../../../src/cluster/api-client.ts';
import type { Resource } from '../../../src/cluster/resources.ts';
import { isLeftForLater } from './left-for-later.ts';
import { run } from './tools.ts';

/**
 * Has objects of a namespace removed after the test that says it, unless that also says `leaveForLater`. Does nothing in hooks, which
 * have hooks to remove what they make, nor in tests that run at once, of which nobody knows which one says it.
 */
export function goesWithTest(
  client: ApiClient,
  kind: Resource,
  { namespace, names }: { readonly namespace?: string; readonly names: readonly string[] },
): void {
  afterThisTest(async () => {
    for (const name of names)
      if (!isLeftForLater(`${kind.plural} ${name}`))
        await client.remove(kind, { namespace, name }, { propagation: 'Background' });
  });
}

/** As {@link goesWithTest}, of objects as kubectl names them: `secret/NAME`. `kind`: in the plural. */
export function kubectlRemoves(namespace: string, { kind, name }: { kind: string; name: string }): void {
  afterThisTest(() => {
    if (isLeftForLater(`${kind} ${name}`)) return;
    run('kubectl', ['-n', namespace, 'delete', '--ignore-not-found', '--wait=false', `${kind}/${name}`]);
  });
}

function afterThisTest(act: () => unknown): void {
  const test = TestRunner.getCurrentTest();
  if (!test || test.concurrent) return;
  onTestFinished(async () => void (await act()));
}
