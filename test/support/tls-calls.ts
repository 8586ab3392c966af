/** A program of its own, as it trusts an authority from its start on: each client of the official SDKs calls one server over TLS. */
import { connectSdk, SDK_CLIENTS } from './sdk-clients.ts';

async function main(): Promise<void> {
  const url = process.argv[2] ?? '';
  for (const flavour of SDK_CLIENTS) {
    const client = await connectSdk(flavour, url);
    const text = await client.callTool('test_simple_text', {});
    process.stdout.write(`${flavour}: ${text}\n`);
    await client.close();
  }
}

if (process.argv[1] === import.meta.filename) await main();
