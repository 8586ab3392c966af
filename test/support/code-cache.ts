/** Where the programs that tests start over and over keep their compiled code: it saves most of their start. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const CODE_CACHE = { NODE_COMPILE_CACHE: join(tmpdir(), 'berth-test-code') };
