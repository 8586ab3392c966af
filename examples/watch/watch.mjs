/**
 * Says when a server of a gateway no longer runs, and when it runs again. It needs Node 20 or newer and nothing else:
 *
 *   node watch.mjs http://127.0.0.1:8053
 *
 * BERTH_KEY is the key of the gateway, where it wants one; ALERT_URL gets each line by POST as well, as {"text": "…"}.
 */
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/** On their way from one state to another: nothing to tell yet. */
const MOVING = new Set(['pending', 'starting', 'scaling']);
const AGAIN_MS = 5_000;

/** Goes on until the signal; `tell` gets each line. */
export async function watch({ url, key, tell, signal, fetch = globalThis.fetch, againMs = AGAIN_MS }) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  /** What is down, by name; the gateway itself under ''. */
  const down = new Set();
  const note = (name, isDown, text) => {
    if (down.has(name) === isDown) return;
    if (isDown) down.add(name);
    else down.delete(name);
    tell(text);
  };
  const look = ({ name, status: { state, message, hint } }) => {
    if (MOVING.has(state)) return;
    const why = hint ? `${message} (${hint})` : message;
    note(
      name,
      state !== 'running',
      state === 'running' ? `${name} runs again` : `${name} is ${state}: ${why}`,
    );
  };
  const ask = async (path, more) => {
    const response = await fetch(`${url}/api/v1${path}`, { headers: { ...headers, ...more }, signal });
    if (response.ok) return response;
    throw new Error(`${response.status} ${await response.text()}`);
  };
  const follow = async (body) => {
    for await (const { type, server } of linesOf(body)) {
      if (type === 'failed') return;
      if (type === 'removed') down.delete(server.name);
      else look(server);
    }
  };
  while (!signal.aborted) {
    try {
      const { servers, position } = await (await ask('/servers')).json();
      note('', false, 'the gateway answers again');
      for (const server of servers) look(server);
      // What happens after that list, until the connection ends: then list again.
      const events = await ask(`/events?after=${position}`, { accept: 'application/x-ndjson' });
      await follow(events.body).catch(() => undefined);
    } catch (error) {
      if (signal.aborted) return;
      note('', true, `the gateway does not answer: ${error.message}`);
    }
    await setTimeout(againMs, undefined, { signal }).catch(() => undefined);
  }
}

/** The JSON of each line; blank ones are signs of life. */
async function* linesOf(body) {
  let rest = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
  }
}

async function main() {
  const [url = 'http://127.0.0.1:8053'] = process.argv.slice(2);
  const { BERTH_KEY: key, ALERT_URL: alertUrl } = process.env;
  const leaving = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => leaving.abort());
  const tell = (text) => {
    console.log(text);
    if (!alertUrl) return;
    const body = JSON.stringify({ text });
    fetch(alertUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(
      (error) => console.error(`the alert could not be sent: ${error.message}`),
    );
  };
  await watch({ url, key, tell, signal: leaving.signal });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
