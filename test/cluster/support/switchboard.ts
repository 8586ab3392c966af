/**
 * What runs in the pod of the carrier's test. The supervisor of the contract suite lives in the test, which the pod need not be
 * able to reach: it joins the pod by exec, too, and the switchboard ties each gateway's connection to one of the supervisor's.
 */

export const GATEWAY_SOCKET = '/run/berth/gateway.sock';
export const SUPERVISOR_SOCKET = '/run/berth/supervisor.sock';

/** The program that joins standard input and output to a socket: that of the image, or one that the pod writes itself. */
export const JOIN_PROGRAM = process.env.BERTH_TEST_JOIN ?? '/run/berth/join';

const JOIN = `#!/usr/bin/env node
const socket = require('net').connect({ path: process.argv[4], allowHalfOpen: true });
const end = (why) => { if (why) console.error('join: ' + why.message); process.exit(why ? 1 : 0); };
socket.on('error', end).on('close', () => end());
process.stdin.on('error', end).pipe(socket);
socket.pipe(process.stdout.on('error', end));
`;

export const SWITCHBOARD = `
const fs = require('fs');
const net = require('net');
fs.writeFileSync('/run/berth/join', ${JSON.stringify(JOIN)}, { mode: 0o755 });
const waiting = { gateway: [], supervisor: [] };
const pair = () => {
  while (waiting.gateway.length > 0 && waiting.supervisor.length > 0) {
    const [a, b] = [waiting.gateway.shift(), waiting.supervisor.shift()];
    a.pipe(b).pipe(a);
    for (const [one, other] of [[a, b], [b, a]]) one.on('close', () => other.destroy());
  }
};
const listen = (side, path) => net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
  socket.on('error', () => {});
  waiting[side].push(socket);
  pair();
}).listen(path);
listen('gateway', '${GATEWAY_SOCKET}');
listen('supervisor', '${SUPERVISOR_SOCKET}').on('listening', () => fs.writeFileSync('/run/berth/ready', ''));
`;

/** A pod that only waits. */
export const IDLE = `require('fs').writeFileSync('/run/berth/ready', ''); setInterval(() => {}, 1e9);`;
