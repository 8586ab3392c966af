/**
 * The program that the suite starts as the client under test: `FLAVOUR URL`, with the scenario in the environment. It is a gateway whose
 * one server is the suite's address, and a client of an official SDK that knows nothing of it.
 */
import { drive, type Flavour } from './conformance-drive.ts';
import { startGateway } from './gateway.ts';

const [flavour, url = ''] = process.argv.slice(2);
const gateway = await startGateway({ servers: [{ name: 'suite', remote: { url } }] });
try {
  const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? '';
  await drive(scenario, flavour as Flavour, `${gateway.url('suite')}/mcp`);
} finally {
  await gateway.close();
}
