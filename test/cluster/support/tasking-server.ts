/** A server of 2026-07-28 whose calls are tasks, of which only the process that made one knows. The first argument is its version. */
export const TASKING = `
import { createInterface } from 'node:readline';
const [version = '1'] = process.argv.slice(2);
const answer = (id, outcome) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }) + '\\n');
const kept = { ttlMs: 0, cacheScope: 'private' };
const capabilities = { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'tasking', version } };
const tasks = new Map();
const about = (taskId) => ({ taskId, status: tasks.get(taskId), createdAt: '2026-11-26T00:00:00Z', lastUpdatedAt: '2026-11-26T00:00:00Z', ttlMs: 600000 });
const METHODS = {
  'server/discover': () => ({ resultType: 'complete', ...kept, supportedVersions: ['2026-07-28'], capabilities, _meta }),
  'tools/list': () => ({ resultType: 'complete', ...kept, tools: [{ name: 'begin', inputSchema: { type: 'object' } }] }),
  'tools/call': () => {
    const taskId = version + '-' + process.pid + '-' + tasks.size;
    tasks.set(taskId, 'working');
    return { resultType: 'task', ...about(taskId) };
  },
  'tasks/get': ({ taskId }) => tasks.has(taskId) ? { resultType: 'complete', ...about(taskId) } : undefined,
  'tasks/cancel': ({ taskId }) => tasks.has(taskId) ? (tasks.set(taskId, 'cancelled'), { resultType: 'complete' }) : undefined,
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const result = METHODS[method]?.(params);
  if (result) answer(id, { result });
  else if (id !== undefined) answer(id, { error: { code: METHODS[method] ? -32602 : -32601, message: 'version ' + version + ' does not know it' } });
});
`;
