/** A stdio MCP server that writes without measure: tools `endless`, `noise`, `stderr` (all with `bytes`) and `echo`. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { onLines, parse, type Request, result } from '../../test/fixtures/trap-server/wire.ts';

const CHUNK = 2 ** 20;
const text = (value: string): string => JSON.stringify({ content: [{ type: 'text', text: value }] });

async function pour(output: Writable, total: number, chunk: () => Buffer): Promise<void> {
  for (let sent = 0; sent < total; sent += CHUNK) if (!output.write(chunk())) await once(output, 'drain');
}

async function call({ id, params }: Request): Promise<void> {
  const { bytes = 0 } = (params.arguments ?? {}) as { bytes?: number };
  const started = performance.now();
  const letters = Buffer.alloc(CHUNK, 'x');
  switch (params.name) {
    case 'endless':
      await pour(process.stdout, bytes, () => letters);
      process.stdout.write('\n');
      break;
    case 'noise':
      await pour(process.stdout, bytes, () => randomBytes(CHUNK));
      process.stdout.write('\n');
      break;
    case 'stderr':
      await pour(process.stderr, bytes, () => Buffer.from(`${'e'.repeat(1023)}\n`.repeat(1024)));
  }
  await result(id, text(String(performance.now() - started)));
}

async function answer(request: Request): Promise<void> {
  const { id, method, params, rawParams } = request;
  if (id === undefined) return;
  if (method === 'initialize') {
    const serverInfo = { name: 'noisy', version: '1.0.0' };
    return result(
      id,
      JSON.stringify({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo }),
    );
  }
  return method === 'tools/call' ? call(request) : result(id, method === 'ping' ? '{}' : rawParams);
}

onLines(
  (line) => {
    const message = parse(line);
    if ('method' in message) void answer(message);
  },
  () => process.exit(0),
);
