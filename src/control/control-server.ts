/** The MCP server of the gateway itself, one for each caller. */
import { McpServer, type ServerContext } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import type { CallPrincipal } from '../servers/server-calls.ts';
import * as trying from './inspecting.ts';
import * as life from './life-cycle.ts';
import { answering, type ControlCall, type ControlParts, type ToolAnswer } from './tools.ts';
import * as using from './using.ts';

const INSTRUCTIONS = `Berth hosts MCP servers. Find one with search_servers, run it with run_server, see its tools with list_server_tools, and use it with call_server_tool or at its URL. Stop what you started when you no longer need it.`;

interface ToolShape<S extends z.ZodObject> {
  readonly title: string;
  readonly description: string;
  readonly input: S;
  readonly reads?: boolean;
  readonly destroys?: boolean;
  readonly run: (input: z.output<S>, call: ControlCall) => Promise<ToolAnswer>;
}

export function createControlServer(parts: ControlParts, caller: CallPrincipal): McpServer {
  const server = new McpServer(
    { name: 'berth', version: '0' },
    {
      instructions: INSTRUCTIONS,
      requestState: { verify: (state) => parts.confirmation.states.verify(state, caller) },
    },
  );
  const add = <S extends z.ZodObject>(
    name: string,
    { title, description, input, reads, destroys, run }: ToolShape<S>,
  ): void => {
    server.registerTool(
      name,
      {
        title,
        description,
        inputSchema: input,
        annotations: {
          readOnlyHint: reads ?? false,
          destructiveHint: destroys ?? false,
          openWorldHint: false,
        },
      },
      ((given: z.output<S>, context: ServerContext) =>
        answering(name, () => run(given, { ...parts, caller, context }))) as never,
    );
  };
  addLifeCycle(add);
  addUsing(add);
  if (parts.inspector) addTrying(add);
  return server;
}

type Add = <S extends z.ZodObject>(name: string, shape: ToolShape<S>) => void;

function addLifeCycle(add: Add): void {
  add('list_mcp_servers', {
    title: 'List servers',
    description: 'The servers of this gateway with their state, replicas and URLs.',
    ...{ input: life.listInput, reads: true, run: life.listServers },
  });
  add('get_mcp_status', {
    title: 'Status of a server',
    description: 'State, replicas, sessions, URLs, tools and the last failure of one server.',
    ...{ input: life.nameInput, reads: true, run: life.getStatus },
  });
  add('start_mcp', {
    title: 'Start a server',
    description: 'Starts a server that is stopped; one that runs is left as it is.',
    ...{ input: life.startInput, run: life.startServer },
  });
  add('stop_mcp', {
    title: 'Stop a server',
    description:
      'Ends the sessions and processes of a server; it stays in the list and can be started again.',
    ...{ input: life.stopInput, destroys: true, run: life.stopServer },
  });
  add('scale_mcp', {
    title: 'Scale a server',
    description: 'Sets the number of replicas, 0 to 10; on one machine 0 or 1.',
    ...{ input: life.scaleInput, destroys: true, run: life.scaleServer },
  });
}

function addUsing(add: Add): void {
  add('search_servers', {
    title: 'Find a server',
    description: 'Servers that could be run for a purpose, the best first, each with what run_server takes.',
    ...{ input: using.searchInput, reads: true, run: using.searchServers },
  });
  add('run_server', {
    title: 'Run a server',
    description:
      'Creates and starts a server and answers with its URLs. What is not in the catalogue needs the agreement of your person, who is asked.',
    ...{ input: using.runInput, run: using.runServer },
  });
  add('server_logs', {
    title: 'Log of a server',
    description: 'The newest lines that a server wrote to standard error.',
    ...{ input: using.logsInput, reads: true, run: using.serverLogs },
  });
  add('list_server_tools', {
    title: 'Tools of a server',
    description: 'The tools of a server that runs, with the schemas of their arguments.',
    ...{ input: using.toolsInput, reads: true, run: using.listTools },
  });
  add('call_server_tool', {
    title: 'Call a tool of a server',
    description: 'Calls a tool of a server that runs and answers with its own result.',
    ...{ input: using.callInput, destroys: true, run: using.callTool },
  });
}

function addTrying(add: Add): void {
  add('inspect_server', {
    title: 'Try a server',
    description:
      'Installs a package and starts it once in a sandbox without a network and with made-up secrets, and reports what it offers and what it was seen to do, with a template in exactly that version. What is not in the catalogue needs the agreement of your person, who is asked.',
    ...{ input: trying.inspectInput, run: trying.inspectServer },
  });
}
