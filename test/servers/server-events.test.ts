/** The log of what becomes of servers. */
import { describe, expect, it } from 'vitest';
import { type ServerEvent, ServerEvents } from '../../src/servers/server-events.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import type { ServerView } from '../../src/servers/server-view.ts';
import { createFixture } from './doubles.ts';

function spec(name: string) {
  return parseServerSpec({ name, template: 'time' });
}

/** Servers that are what a test says. */
class Servers {
  readonly views = new Map<string, ServerView>();
  #listener: (name: string) => void = () => {};

  peek(name: string): ServerView | undefined {
    return this.views.get(name);
  }

  watch(listener: (name: string) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  put(name: string, more: { id?: string; message?: string; sessions?: number } = {}): void {
    const { id = name, message = 'm', sessions = 0 } = more;
    const view = { name, id, revision: '1', labels: {}, status: { state: 'running', message, sessions } };
    this.views.set(name, view as unknown as ServerView);
    this.#listener(name);
  }

  remove(name: string): void {
    this.views.delete(name);
    this.#listener(name);
  }
}

/** So many events, from the place on. */
async function take(events: ServerEvents, count: number, after?: string): Promise<ServerEvent[]> {
  const leaving = new AbortController();
  const taken: ServerEvent[] = [];
  for await (const event of events.read({ after, signal: leaving.signal })) {
    taken.push(event);
    if (taken.length === count) leaving.abort();
  }
  return taken;
}

const short = ({ type, server }: ServerEvent): string => `${type} ${server.name} ${server.status.state}`;

describe('the log of servers', () => {
  it('tells of a server from its creation to its end, in order', async () => {
    const { manager } = await createFixture();
    const events = new ServerEvents(manager);
    const start = events.position;
    await manager.run(spec('a'), { wait: true });
    await manager.stop('a');
    await manager.remove('a');
    await expect.poll(() => events.position).not.toBe(start);
    const seen: string[] = [];
    const leaving = new AbortController();
    for await (const event of events.read({ after: start, signal: leaving.signal })) {
      seen.push(short(event));
      if (event.type === 'removed') leaving.abort();
    }
    expect(seen[0]).toMatch(/^added a /);
    expect(seen).toContain('changed a running');
    expect(seen.slice(-2)).toEqual(['changed a stopped', 'removed a stopped']);
    await manager.close();
  });

  it('goes on exactly where somebody left, however often', async () => {
    const servers = new Servers();
    const events = new ServerEvents(servers);
    for (const name of ['a', 'b', 'c', 'd']) servers.put(name);
    await expect.poll(() => events.position.split('-').at(-1)).toBe('4');
    const [first] = await take(events, 1, events.position.replace(/\d+$/, '0'));
    expect(first && short(first)).toBe('added a running');
    const rest = await take(events, 3, first?.id);
    expect(rest.map(short)).toEqual(['added b running', 'added c running', 'added d running']);
    expect(rest.at(-1)?.id).toBe(events.position);
    expect(JSON.parse(rest[0]?.text ?? '')).toMatchObject({ id: rest[0]?.id, type: 'added' });
  });

  it('says nothing of what traffic alone changes, and tells a new server of an old name apart', async () => {
    const servers = new Servers();
    const events = new ServerEvents(servers);
    const start = events.position;
    servers.put('a');
    await Promise.resolve();
    servers.put('a', { sessions: 9 });
    await Promise.resolve();
    servers.put('a', { message: 'other' });
    await Promise.resolve();
    servers.put('a', { id: 'another' });
    const seen = await take(events, 4, start);
    expect(seen.map(({ type }) => type)).toEqual(['added', 'changed', 'removed', 'added']);
    expect(seen.map(({ server }) => server.id)).toEqual(['a', 'a', 'a', 'another']);
  });

  it('forgets the oldest, and says so to who was there, even in the middle', async () => {
    const servers = new Servers();
    const events = new ServerEvents(servers, { events: 3, size: 1_000_000 });
    const start = events.position;
    servers.put('a');
    await expect.poll(() => events.position).not.toBe(start);
    const reading = events.read({ after: start, signal: new AbortController().signal });
    expect((await reading.next()).value?.server.name).toBe('a');
    for (const name of ['b', 'c', 'd', 'e']) servers.put(name);
    await expect.poll(() => events.position.split('-').at(-1)).toBe('5');
    await expect(reading.next()).rejects.toMatchObject({ code: 'position-expired' });
    expect(() => events.read({ after: start, signal: new AbortController().signal })).toThrow(
      expect.objectContaining({ code: 'position-expired' }),
    );
    const kept = await take(events, 3, events.position.replace(/\d+$/, '2'));
    expect(kept.map(({ server }) => server.name)).toEqual(['c', 'd', 'e']);
  });

  it('keeps no more than so much text, but always the newest', async () => {
    const servers = new Servers();
    const events = new ServerEvents(servers, { events: 100, size: 1_000 });
    for (const name of ['a', 'b']) {
      servers.put(name, { message: 'x'.repeat(2_000) });
      await expect.poll(() => events.position.split('-').at(-1)).toBe(name === 'a' ? '1' : '2');
    }
    const [only] = await take(events, 1, events.position.replace(/\d+$/, '1'));
    expect(only?.server.name).toBe('b');
    expect(() =>
      events.read({ after: events.position.replace(/\d+$/, '0'), signal: new AbortController().signal }),
    ).toThrow(expect.objectContaining({ code: 'position-expired' }));
  });

  it.each(['', 'x', 'abcdefgh-', 'abcdefgh-1x', 'a b-1'])('%j is no place', (place) => {
    const events = new ServerEvents(new Servers());
    expect(() => events.read({ after: place, signal: new AbortController().signal })).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    );
  });

  it('knows a place of another log, and one that is still to come, for not its own', () => {
    const events = new ServerEvents(new Servers());
    const { signal } = new AbortController();
    for (const place of [new ServerEvents(new Servers()).position, events.position.replace(/\d+$/, '77')])
      expect(() => events.read({ after: place, signal })).toThrow(
        expect.objectContaining({ code: 'position-expired' }),
      );
  });

  it('ends for who leaves, and hears nothing more once it is closed', async () => {
    const servers = new Servers();
    const events = new ServerEvents(servers);
    const leaving = new AbortController();
    const next = events.read({ signal: leaving.signal }).next();
    leaving.abort();
    expect(await next).toMatchObject({ done: true });
    events.close();
    events.close();
    const before = events.position;
    servers.put('a');
    await Promise.resolve();
    expect(events.position).toBe(before);
  });
});
