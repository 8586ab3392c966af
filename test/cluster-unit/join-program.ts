/** What `berth-spawn join` does in a container, on the API server's side of the WebSocket. */
import type { Socket } from 'node:net';
import { CHANNEL } from '../../src/cluster/exec-frames.ts';
import type { ExecPeer } from './exec-peer.ts';

/** Bytes of one frame of a real API server. */
const FRAME = 32 * 1024;

/** Joins standard input and output of an exec to a socket, each as slow as its reader. */
export function joinTo(socket: Socket, peer: ExecPeer): void {
  peer.socket.on('message', (data: Buffer) => {
    if (data[0] === CHANNEL.close) socket.end();
    if (data[0] !== CHANNEL.stdin || socket.write(data.subarray(1))) return;
    peer.socket.pause();
    socket.once('drain', () => peer.socket.resume());
  });
  socket.on('data', (bytes) => {
    for (let at = 0; at < bytes.length; at += FRAME) peer.stdout(bytes.subarray(at, at + FRAME));
    if (peer.socket.bufferedAmount < FRAME) return;
    socket.pause();
    peer.socket.send(Buffer.from([CHANNEL.stdout]), () => socket.resume());
  });
  socket.on('error', () => {});
  socket.once('close', () => peer.exit(0));
  peer.socket.once('close', () => socket.destroy());
}
