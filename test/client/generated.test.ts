/** The types of the client library are those of the document. To renew them: `npm test -- test/client -u`. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { documentOf } from '../../src/api/document.ts';
import { PROBE_PATHS } from '../../src/metrics/probe-port.ts';
import { createApiClient } from '../api/client.ts';
import type { Json } from '../api/contract.ts';
import { ROOT } from '../docs/pages.ts';
import { operationsText, typesText } from './generate.ts';

const GENERATED = join(ROOT, 'src/client/generated');

it('the client library has every operation and type of the document', async () => {
  const { api } = await createApiClient();
  const document = JSON.parse(JSON.stringify(documentOf(api))) as Json;
  await expect(typesText(document)).toMatchFileSnapshot(join(GENERATED, 'types.ts'));
  await expect(operationsText(document, PROBE_PATHS)).toMatchFileSnapshot(join(GENERATED, 'operations.ts'));
});
