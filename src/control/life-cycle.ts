/** The five tools of a server's life: list, status, start, stop, scale. */
import { z } from 'zod';
import { STATUS_STATES } from '../servers/server-view.ts';
import { MOST_REPLICAS } from '../servers/servers.ts';
import { within } from '../servers/within.ts';
import { ASK_STATUS, answer, type ControlCall, type ToolAnswer, viewOf } from './tools.ts';

const name = z.string().describe('Name of the server');
const timeout = z.int().min(1).max(3_600).default(300).describe('Seconds to wait');

export const listInput = z.strictObject({
  status: z.enum(STATUS_STATES).optional().describe('Only servers in this state'),
  template: z.string().optional().describe('Only servers of this template'),
});

export async function listServers(
  { status, template }: z.output<typeof listInput>,
  { servers }: ControlCall,
): Promise<ToolAnswer> {
  const found = (await servers.list())
    .filter((server) => status === undefined || server.status.state === status)
    .filter((server) => template === undefined || server.spec?.template === template);
  return answer({ servers: found.map(viewOf), total: found.length });
}

export const nameInput = z.strictObject({ name });

export async function getStatus(
  input: z.output<typeof nameInput>,
  { servers }: ControlCall,
): Promise<ToolAnswer> {
  return answer(viewOf(await servers.get(input.name)));
}

export const startInput = z.strictObject({
  name,
  wait_ready: z.boolean().default(true).describe('Answer when it runs or has failed, not at once'),
  timeout,
});

export async function startServer(
  input: z.output<typeof startInput>,
  { servers }: ControlCall,
): Promise<ToolAnswer> {
  const { name: of, wait_ready: wait, timeout: seconds } = input;
  const limit = { seconds, name: of, ask: ASK_STATUS };
  return answer(viewOf(await within(limit, (signal) => servers.start(of, { wait, signal }))));
}

export const stopInput = z.strictObject({
  name,
  force: z.boolean().default(false).describe('End sessions and processes at once, without grace'),
});

export async function stopServer(
  { name: of, force }: z.output<typeof stopInput>,
  { servers }: ControlCall,
): Promise<ToolAnswer> {
  return answer(viewOf(await servers.stop(of, { force })));
}

export const scaleInput = z.strictObject({
  name,
  replicas: z.int().min(0).max(MOST_REPLICAS).describe('How many replicas there are to be'),
  wait_ready: z.boolean().default(false).describe('Answer when they are ready, not at once'),
  timeout,
});

export async function scaleServer(
  input: z.output<typeof scaleInput>,
  { servers }: ControlCall,
): Promise<ToolAnswer> {
  const { name: of, replicas, wait_ready, timeout: seconds } = input;
  const wait = wait_ready && replicas > 0;
  const limit = { seconds, name: of, ask: ASK_STATUS };
  return answer(viewOf(await within(limit, (signal) => servers.scale(of, replicas, { wait, signal }))));
}
