/** A WebSocket client that shakes hands, says its local port, and stays: its parent stops it, so that nothing answers any more. */
import type { Socket } from 'node:net';
import { trapState } from '../../test/support/trap.ts';
import { WsClient } from '../../test/support/ws-client.ts';

const client = await WsClient.connect(process.argv[2] ?? '');
await client.initialize();
const { pid } = await trapState(client);
const { _socket: socket } = client.socket as unknown as { _socket: Socket };
process.stdout.write(`${JSON.stringify({ port: socket.localPort, server: pid })}\n`);
