/** The diff that the tests against a cluster are held to, over changes that are told here. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  CONFIG_MAPS,
  MCP_SERVERS,
  NAMESPACES,
  type ObjectMeta,
  PODS,
  type Resource,
  SECRETS,
} from '../../src/cluster/resources.ts';
import { ObjectDiff } from '../cluster/support/object-diff.ts';
import { TestSpans } from '../cluster/support/test-spans.ts';

const OWN = 'bt-00000001';
let revision: number;
let diff: ObjectDiff;
let spans: TestSpans;
/** What is told when somebody waits for the next look. */
let waiting: (() => void)[];
let looks: number;
/** How often the number of the newest change was asked for. */
let asked: number;

beforeEach(() => {
  revision = 100;
  waiting = [];
  looks = 0;
  asked = 0;
  diff = new ObjectDiff((name) => name.includes(OWN));
  spans = new TestSpans({
    diff,
    revision: async () => {
      asked++;
      return revision;
    },
    pause: async () => {
      looks++;
      waiting.shift()?.();
    },
  });
});

interface Made {
  readonly kind: Resource;
  readonly metadata: ObjectMeta;
}

/** A change in the cluster; a watch tells it at once, or when `tell` is called. */
function make(kind: Resource, name: string, more: ObjectMeta = {}): Made & { tell(): void } {
  const metadata = {
    name,
    namespace: OWN,
    uid: `${kind.plural}/${name}`,
    ...more,
    resourceVersion: String(++revision),
  };
  return { kind, metadata, tell: () => diff.there(kind, { metadata }) };
}

function there(kind: Resource, name: string, more: ObjectMeta = {}): Made {
  const made = make(kind, name, more);
  made.tell();
  return made;
}

function remove({ kind, metadata }: Made): void {
  diff.gone(kind, { metadata: { ...metadata, resourceVersion: String(++revision) } });
}

function markForDeletion({ kind, metadata }: Made): void {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  diff.there(kind, { metadata: { ...metadata, deletionTimestamp, resourceVersion: String(++revision) } });
}

async function test(name: string, act: () => void | Promise<void>): Promise<void> {
  await spans.begin(name);
  await act();
  await end(name);
}

const end = (test: string, { failed = false, isFollowed = false } = {}): Promise<void> =>
  spans.end({ test, failed, isFollowed });

describe('a test', () => {
  it('that leaves an object is caught, by its name and the name of the object', async () => {
    there(SECRETS, 'from-before');
    const leaving = test('leaves a Secret', () => void there(SECRETS, 'forgotten'));
    await expect(leaving).rejects.toThrow(`leaves a Secret: left behind secrets ${OWN}/forgotten;`);
    expect(looks).toBeGreaterThan(100);
    // It has been told, and is not the next one's.
    await test('leaves nothing', () => {});
    expect(spans.late()).toEqual([]);
  });

  it('that removes what it has made is not, and nobody waits', async () => {
    await test('tidy', () => remove(there(SECRETS, 'short')));
    await test('asks for the deletion', () => markForDeletion(there(PODS, 'going')));
    expect([looks, spans.late()]).toEqual([0, []]);
  });

  it('that removes a namespace removes what is in it', async () => {
    const name = `${OWN}-more`;
    let within: Made | undefined;
    await test('removes both', () => {
      const namespace = there(NAMESPACES, name, { namespace: '' });
      within = there(SECRETS, 'within', { namespace: name });
      markForDeletion(namespace);
    });
    if (within) remove(within);
    expect([looks, spans.late()]).toEqual([0, []]);
  });

  it('has some time for what goes by itself', async () => {
    await test('slow', () => {
      const made = there(MCP_SERVERS, 'slow');
      waiting = [() => {}, () => {}, () => remove(made)];
    });
    expect([looks, spans.late()]).toEqual([3, []]);
  });

  it('may leave what it says that later ones need, and nothing else', async () => {
    await test('says so', () => {
      spans.leave(['secrets needed', /^configmaps part-\d$/]);
      for (const name of ['part-1', 'part-2']) there(CONFIG_MAPS, name);
      there(SECRETS, 'needed');
    });
    const other = test('says something else', () => {
      spans.leave(['secrets needed']);
      there(CONFIG_MAPS, 'needed');
    });
    await expect(other).rejects.toThrow(`configmaps ${OWN}/needed`);
    expect(() => spans.leave(['secrets late'])).toThrow('leaveForLater is said in the test');
  });

  it('is not held to what is made between tests, as by the hooks of a describe', async () => {
    await test('before', () => {});
    there(SECRETS, 'of-a-hook');
    await test('after', () => {});
    expect([looks, spans.late()]).toEqual([0, []]);
  });

  it('is not held to what others run beside it', async () => {
    await test('mine', () => void there(SECRETS, 'theirs', { namespace: 'bt-00000002' }));
    expect(looks).toBe(0);
  });

  it('is not held to what has an owner, or comes with a namespace or a release', async () => {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }];
    await test('in the background', () => {
      there(PODS, 'a-replica', { ownerReferences });
      there(CONFIG_MAPS, 'kube-root-ca.crt');
      for (const version of [2, 10]) there(SECRETS, `sh.helm.release.v1.${OWN}.v${version}`);
      there(SECRETS, 'of-helm', { annotations: { 'meta.helm.sh/release-name': OWN } });
      const { kind, metadata } = there(SECRETS, 'adopted');
      diff.there(kind, { metadata: { ...metadata, ownerReferences, resourceVersion: String(++revision) } });
    });
    expect([looks, spans.late()]).toEqual([0, []]);
  });

  it('that installs a release and leaves it is caught by the record of its first version', async () => {
    const leaving = test('installs', () => {
      there(CONFIG_MAPS, 'of-helm', { annotations: { 'meta.helm.sh/release-name': OWN } });
      there(SECRETS, `sh.helm.release.v1.${OWN}.v1`);
    });
    await expect(leaving).rejects.toThrow(`: left behind secrets ${OWN}/sh.helm.release.v1.${OWN}.v1;`);
  });

  it('that has failed is told of once', async () => {
    await spans.begin('fails');
    there(SECRETS, 'forgotten');
    await end('fails', { failed: true });
    expect([looks, spans.late()]).toEqual([0, []]);
  });
});

describe('what a watch tells late', () => {
  it('is still its test’s, also when hooks after it have removed it', async () => {
    const late = await unseen(SECRETS, 'late');
    await test('the next one', () => late.tell());
    remove(late);
    expect(spans.late()).toEqual([
      expect.stringContaining(`the one before: left behind secrets ${OWN}/late;`),
    ]);
  });

  it('and had ended within its test is nobody’s', async () => {
    await spans.begin('tidy');
    const late = make(SECRETS, 'late');
    const endedAt = ++revision;
    await end('tidy');
    late.tell();
    diff.gone(SECRETS, { metadata: { ...late.metadata, resourceVersion: String(endedAt) } });
    expect(spans.late()).toEqual([]);
  });

  async function unseen(kind: Resource, name: string) {
    await spans.begin('the one before');
    const made = make(kind, name);
    await end('the one before');
    return made;
  }
});

describe('tests in a row', () => {
  it('ask for no numbers while they make nothing, and whatever one makes is its own', async () => {
    for (const name of ['one', 'two', 'three']) {
      await spans.begin(name);
      await end(name, { isFollowed: true });
    }
    expect(asked).toBe(1);
    await spans.begin('four');
    there(SECRETS, 'forgotten');
    await expect(end('four', { isFollowed: true })).rejects.toThrow('four: left behind');
    await spans.begin('five');
    const before = asked;
    remove(there(SECRETS, 'short'));
    await end('five', { isFollowed: true });
    await spans.begin('six');
    await end('six');
    expect([asked - before, spans.late()]).toEqual([2, []]);
  });

  it('are held to what is told when nobody asked, and hooks follow', async () => {
    await spans.begin('one');
    await end('one', { isFollowed: true });
    await spans.begin('two');
    const late = make(SECRETS, 'late');
    await end('two');
    late.tell();
    remove(late);
    expect(spans.late()).toEqual([expect.stringContaining('two: left behind')]);
  });
});

describe('tests that run at once', () => {
  it('are looked at when the last of them has ended, and named together', async () => {
    await Promise.all([spans.begin('one'), spans.begin('other')]);
    const made = there(SECRETS, 'of-one');
    await end('other');
    remove(made);
    there(SECRETS, 'forgotten');
    await expect(end('one')).rejects.toThrow(`one, other: left behind secrets ${OWN}/forgotten;`);
  });

  it('go on when one begins while another one ends', async () => {
    await spans.begin('one');
    const ending = end('one');
    await spans.begin('other');
    await ending;
    const made = there(SECRETS, 'of-other');
    expect(looks).toBe(0);
    remove(made);
    await end('other');
    expect([looks, spans.late()]).toEqual([0, []]);
  });
});
