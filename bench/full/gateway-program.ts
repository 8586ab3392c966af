/** A gateway with the servers and keys of its one argument (JSON): says its port, runs until its input ends. */
import { startGateway, type TestServer } from '../../test/support/gateway.ts';

interface Wanted {
  readonly servers: readonly TestServer[];
  readonly keys: Readonly<Record<string, string>>;
}

const gateway = await startGateway(JSON.parse(process.argv[2] ?? '{}') as Wanted);
process.stdout.write(`${JSON.stringify({ port: gateway.port })}\n`);
process.stdin.resume().on('end', () => void gateway.close().then(() => process.exit(0)));
