/** A server that ends at once: it notes the time in the file of its first argument and exits with code 3. */
import { appendFileSync } from 'node:fs';

const [file = ''] = process.argv.slice(2);
appendFileSync(file, `${Date.now()}\n`);
process.stderr.write('crashing: TOKEN is not set\n', () => process.exit(3));
