/**
 * The yardstick: the least a Node program can do between a network transport and a stdio server, one child per session,
 * every message parsed and serialised once each way. No limits, no log, no resume, no back-pressure, no authentication.
 *
 * Usage: node bench/bare-pipe.ts --port PORT -- PROGRAM ARGS…
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';

interface Message {
  readonly id?: string | number;
  readonly method?: string;
}

interface Pipe {
  write(message: Message): void;
  close(): void;
}

const { values, positionals } = parseArgs({ options: { port: { type: 'string' } }, allowPositionals: true });
const [program = '', ...programArgs] = positionals;
const pipes = new Map<string, Pipe>();
const waiting = new Map<string, Map<string | number, ServerResponse>>();

function splitLines(child: ChildProcess, line: (text: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) line(text);
  });
}

function openPipe(receive: (message: Message) => void): Pipe {
  const child = spawn(program, programArgs, { stdio: ['pipe', 'pipe', 'inherit'] });
  splitLines(child, (text) => receive(JSON.parse(text) as Message));
  child.stdin.on('error', () => undefined);
  return {
    write: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
    close: () => void child.kill('SIGTERM'),
  };
}

function readJson(req: IncomingMessage, done: (message: Message) => void): void {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => done(JSON.parse(Buffer.concat(chunks).toString()) as Message));
}

function openHttpSession(): string {
  const session = randomUUID();
  const responses = new Map<string | number, ServerResponse>();
  waiting.set(session, responses);
  const pipe = openPipe((message) => {
    if (message.id === undefined || message.method !== undefined) return;
    const res = responses.get(message.id);
    responses.delete(message.id);
    const body = JSON.stringify(message);
    const length = Buffer.byteLength(body);
    res?.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': length,
      'Mcp-Session-Id': session,
    });
    res?.end(body);
  });
  pipes.set(session, pipe);
  return session;
}

let common: string | undefined;

/** Clients of the revision without sessions share one child. */
function commonSession(): string {
  common ??= openHttpSession();
  return common;
}

function postHttp(req: IncomingMessage, res: ServerResponse): void {
  readJson(req, (message) => {
    const given = req.headers['mcp-session-id'] ?? commonSession();
    const session = message.method === 'initialize' ? openHttpSession() : String(given);
    const pipe = pipes.get(session);
    if (pipe === undefined) return void res.writeHead(404).end();
    if (message.id !== undefined) waiting.get(session)?.set(message.id, res);
    else res.writeHead(202, { 'Content-Length': 0 }).end();
    pipe.write(message);
  });
}

function endSession(session: string): void {
  pipes.get(session)?.close();
  pipes.delete(session);
  waiting.delete(session);
}

function openSse(req: IncomingMessage, res: ServerResponse): void {
  const session = randomUUID();
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.write(`event: endpoint\ndata: /message?sessionId=${session}\n\n`);
  const pipe = openPipe((message) => res.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`));
  pipes.set(session, pipe);
  req.on('close', () => endSession(session));
}

function postSse(req: IncomingMessage, res: ServerResponse): void {
  const pipe = pipes.get(new URL(req.url ?? '', 'http://127.0.0.1').searchParams.get('sessionId') ?? '');
  if (pipe === undefined) return void res.writeHead(404).end();
  readJson(req, (message) => {
    pipe.write(message);
    res.writeHead(202, { 'Content-Length': 0 }).end();
  });
}

function route(req: IncomingMessage, res: ServerResponse): void {
  const path = req.url ?? '';
  if (path === '/mcp' && req.method === 'POST') return void postHttp(req, res);
  if (path === '/sse' && req.method === 'GET') return void openSse(req, res);
  if (path.startsWith('/message') && req.method === 'POST') return void postSse(req, res);
  if (path === '/mcp' && req.method === 'DELETE') {
    endSession(String(req.headers['mcp-session-id']));
    return void res.writeHead(200, { 'Content-Length': 0 }).end();
  }
  res.writeHead(405, { 'Content-Length': 0 }).end();
}

const server = createServer(route);
new WebSocketServer({ server, path: '/ws', perMessageDeflate: false }).on('connection', (socket) => {
  const pipe = openPipe((message) => socket.send(JSON.stringify(message)));
  socket.on('message', (data) => pipe.write(JSON.parse(String(data)) as Message));
  socket.on('close', () => pipe.close());
  socket.on('error', () => pipe.close());
});
server.listen(Number(values.port), '127.0.0.1');

process.on('SIGTERM', () => {
  for (const pipe of pipes.values()) pipe.close();
  process.exit(0);
});
