// The life of a server over the API, without any library: what a program of yours would do.
//
//   BERTH_URL=http://127.0.0.1:8053 BERTH_KEY=berth_… node examples/api/life-of-a-server.mjs
//
// The key is not needed on the machine of the gateway. BERTH_SERVER is the specification of another server, as JSON.

const base = `${process.env.BERTH_URL ?? 'http://127.0.0.1:8053'}/api/v1`;
const key = process.env.BERTH_KEY;
const spec = JSON.parse(process.env.BERTH_SERVER ?? '{"template": "everything"}');
const NAME = 'example-life';

/** Answers with the body; throws the problem document that says what is wrong and what to do. */
async function call(method, path, body) {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      'X-Berth-Request': '1',
      ...(key && { Authorization: `Bearer ${key}` }),
      ...(body && { 'Content-Type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined;
  const answer = await response.json();
  if (response.ok) return answer;
  throw Object.assign(new Error(answer.detail), answer);
}

const show = (what, told) => console.log(`${what}: ${told}`);
const stateOf = ({ status }) => `${status.state} (${status.reason})`;

/** Start, look, use, remove: all that most programs need. */
async function basics() {
  const server = await call('POST', '/servers?wait=ready', { name: NAME, ...spec });
  show('started', stateOf(server));
  const { servers, total } = await call('GET', '/servers?state=running');
  show('running', `${servers.some(({ name }) => name === NAME) ? NAME : 'others'}, ${total} in all`);
  for (const { transport, url } of server.status.endpoints) show(transport, url);
  const { tools } = await call('GET', `/servers/${NAME}/tools`);
  show('tools', tools.map(({ name }) => name).join(', '));
}

/** The same request again is the same server; what is stopped keeps its specification. */
async function life() {
  show('once more', stateOf(await call('POST', '/servers?wait=ready', { name: NAME, ...spec })));
  show('restarted', stateOf(await call('POST', `/servers/${NAME}/restart?wait=ready`)));
  show(
    'scaled to 0',
    `${(await call('POST', `/servers/${NAME}/scale`, { replicas: 0 })).status.replicas.desired} wanted`,
  );
  show('scaled to 1', stateOf(await call('POST', `/servers/${NAME}/scale?wait=ready`, { replicas: 1 })));
  await call('POST', `/servers/${NAME}/stop`);
  show('stopped', `${(await call('GET', `/servers/${NAME}`)).status.replicas.desired} wanted`);
  show('started again', stateOf(await call('POST', `/servers/${NAME}/start?wait=ready`)));
  const { lines } = await call('GET', `/servers/${NAME}/logs?tail=5`);
  show('its last words', `${lines.length} lines`);
}

/** A failure is data: a code to decide by, a sentence for people, and what to do. */
async function failures() {
  const tries = [
    ['a server that is not there', 'GET', '/servers/nobody-of-this-name'],
    ['a field that is none', 'POST', '/servers', { name: NAME, ...spec, command: 'sh' }],
    ['another server of that name', 'POST', '/servers', { name: NAME, ...spec, args: ['--another'] }],
    ['too many replicas', 'POST', `/servers/${NAME}/scale`, { replicas: 99 }],
  ];
  for (const [what, method, path, body] of tries) {
    try {
      await call(method, path, body);
      show(what, 'was taken, which it should not have been');
      process.exitCode = 1;
    } catch (problem) {
      show(what, `${problem.status} ${problem.code}: ${problem.message} — ${problem.hint}`);
    }
  }
}

try {
  await basics();
  await life();
  await failures();
} catch (problem) {
  show(
    'failed',
    `${problem.code ?? 'unreachable'}: ${problem.message} — ${problem.hint ?? `is a gateway at ${base}?`}`,
  );
  process.exitCode = 1;
} finally {
  await call('DELETE', `/servers/${NAME}`).catch(() => {});
  show('removed', NAME);
}
