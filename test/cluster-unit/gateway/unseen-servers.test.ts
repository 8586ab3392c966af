/** A gateway whose watch lags asks the API server for a name before it says that nobody has it. */
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ABSENT_FOR, ASK_WITHIN, MOST_ASKED } from '../../../src/cluster/gateway/unseen-servers.ts';
import { calm, until } from '../../link/waiting.ts';
import { status } from '../stand-in-api.ts';
import { createFixture, type Fixture, serverPod } from './fixture.ts';

let fixture: Fixture;
const never = new AbortController().signal;

beforeEach(async () => {
  fixture = await createFixture();
});
afterEach(() => fixture.close());

/** As another gateway makes it. */
function made(name: string, spec: object = {}): void {
  const { uid } = fixture.cluster.put('mcpservers', {
    metadata: { name },
    spec: { template: 'everything', replicas: 1, ...spec },
  }).metadata;
  fixture.cluster.put('pods', serverPod({ name, uid }, `${name}-1`));
}

/** Reads of servers by their name. */
function asked(): string[] {
  return fixture.cluster.reads.flatMap(({ path }) => /\/mcpservers\/([^/]+)$/.exec(path)?.[1] ?? []);
}

/** What a request waits for before it is told whether there is such a server. */
async function lookUp(name: string): Promise<void> {
  await fixture.directory.lookUp(name)?.(never);
}

/** Answers for servers by name wait until they are let go. */
function holdAnswers(): { readonly waiting: ServerResponse[] } {
  const waiting: ServerResponse[] = [];
  fixture.cluster.intercept = ({ path }, response) => {
    if (!/\/mcpservers\/[^/]+$/.test(path)) return false;
    waiting.push(response);
    return true;
  };
  return { waiting };
}

describe('a server that another gateway made a moment ago', () => {
  beforeEach(() => fixture.cluster.hold());

  it('is waited for like one that is starting, and runs as soon as the watch shows its replica', async () => {
    made('new');
    expect(fixture.directory.find('new')).toBeUndefined();
    const arrived = lookUp('new');
    await until('the answer', () => fixture.directory.find('new') !== undefined);
    expect(fixture.directory.find('new')).toMatchObject({ state: 'pending', isolation: 'session' });
    fixture.cluster.release();
    await arrived;
    expect(fixture.directory.find('new')?.state).toBe('running');
    expect(asked()).toEqual(['new']);
  });

  it('that is stopped is said to be', async () => {
    made('new', { suspend: true });
    await lookUp('new');
    expect(fixture.directory.find('new')?.state).toBe('stopped');
  });

  it('is what the watch shows of it from then on, and gone when that says so', async () => {
    made('new', { suspend: true });
    await lookUp('new');
    fixture.cluster.release();
    await until('the watch', () => fixture.view.server('new') !== undefined);
    expect(fixture.directory.find('new')).toBeDefined();
    fixture.cluster.remove('mcpservers', 'new');
    await until('the watch', () => fixture.view.server('new') === undefined);
    expect(fixture.directory.find('new')).toBeUndefined();
  });
});

describe('a name that nobody has', () => {
  it('is asked for once, and again only after a while', async () => {
    await lookUp('nobody');
    expect([fixture.directory.find('nobody'), fixture.directory.lookUp('nobody')]).toEqual([
      undefined,
      undefined,
    ]);
    expect(asked()).toEqual(['nobody']);
    fixture.clock.advance(ABSENT_FOR);
    await lookUp('nobody');
    expect(asked()).toEqual(['nobody', 'nobody']);
  });

  it('is asked for once for all who ask at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => lookUp('nobody')));
    expect(asked()).toEqual(['nobody']);
  });

  it.each(['UPPER', 'a.b', '..', 'x'.repeat(53), ''])('and nobody can have is not asked for: %j', (name) => {
    expect(fixture.directory.lookUp(name)).toBeUndefined();
  });

  it('does not keep others from being asked for, until there are too many at one time', async () => {
    const { waiting } = holdAnswers();
    const names = Array.from({ length: MOST_ASKED }, (_, index) => `nobody-${index}`);
    const answers = names.map(lookUp);
    await until('the questions', () => waiting.length === MOST_ASKED);
    await expect(lookUp('one-more')).rejects.toMatchObject({ code: 'busy' });
    for (const response of waiting) status(response, 404, 'NotFound', 'not found');
    await Promise.all(answers);
    expect(asked().sort()).toEqual([...names].sort());
  });
});

it('an API server that does not answer in time makes nobody wait longer, and no name nobody’s', async () => {
  const { waiting } = holdAnswers();
  const answer = expect(lookUp('unknown')).rejects.toMatchObject({ code: 'busy' });
  await until('the question', () => waiting.length === 1);
  fixture.clock.advance(ASK_WITHIN);
  await answer;
  await calm();
  fixture.cluster.intercept = () => false;
  made('unknown');
  await lookUp('unknown');
  expect(fixture.directory.find('unknown')).toBeDefined();
});
