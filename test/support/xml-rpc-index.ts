/** A Python index that speaks XML-RPC as PyPI does: CPython's own server, on the loopback address. It has no pages. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { testTree } from './trees.ts';

/** Answers with pairs, as PyPI's `user_packages` (role, name) and `browse` (name, version). */
const PROGRAM = `
import json, sys
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

class Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ('/pypi',)

world = json.load(sys.stdin)
server = SimpleXMLRPCServer(('127.0.0.1', 0), requestHandler=Handler, logRequests=False)

@server.register_function
def user_packages(user):
    return world['people'].get(user, [])

@server.register_function
def browse(classifiers):
    releases = [{tuple(release) for release in world['classifiers'].get(one, [])} for one in classifiers]
    return sorted(set.intersection(*releases))

print(server.server_address[1], flush=True)
server.serve_forever()
`;

export interface XmlRpcWorld {
  readonly people: Readonly<Record<string, readonly (readonly [role: string, name: string])[]>>;
  readonly classifiers: Readonly<Record<string, readonly (readonly [name: string, version: string])[]>>;
}

export interface XmlRpcIndex {
  /** The simple index, with a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startXmlRpcIndex(world: XmlRpcWorld): Promise<XmlRpcIndex> {
  // Any tree of a Python package has an interpreter beside its program.
  const tree = await testTree({
    ecosystem: 'pypi',
    name: 'pypiserver',
    version: '2.4.2',
    bin: 'pypi-server',
  });
  const python = join(dirname(tree.program.file), 'python');
  const child = spawn(python, ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.end(JSON.stringify(world));
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: `http://127.0.0.1:${String(port).trim()}/simple/`,
    async close() {
      if (child.exitCode === null && child.kill()) await once(child, 'exit');
    },
  };
}
