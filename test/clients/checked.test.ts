/** What real clients have said of their files (`npm run clients:check`) is said of what Berth writes today. */
import { expect, it } from 'vitest';
import { outcomeOf, PROGRAMS } from '../../scripts/clients-check/programs.ts';
import { readResults, writtenFor } from '../../scripts/clients-check/results.ts';
import { CLIENTS } from '../../src/clients/table.ts';

const results = await readResults();

it('every client that can be checked has been', () => {
  expect(results.map(({ client }) => client).sort()).toEqual(PROGRAMS.map(({ id }) => id).sort());
  const known = CLIENTS.map(({ id }) => id);
  expect(PROGRAMS.filter(({ id }) => !known.includes(id))).toEqual([]);
});

it.each(results)('$client was given what it is given now, and took it', async (result) => {
  expect(await writtenFor(result.client)).toBe(result.written);
  const talks = PROGRAMS.find(({ id }) => id === result.client)?.connected !== undefined;
  const { url, withKey, wrongKey, asProgram } = result;
  expect({ url, withKey, wrongKey, asProgram }).toEqual(
    talks
      ? { url: 'connected', withKey: 'connected', wrongKey: 'refused', asProgram: 'connected' }
      : { url: 'listed', withKey: 'listed', wrongKey: 'listed', asProgram: 'listed' },
  );
});

it('a client that says nothing of the server has not found it', () => {
  for (const program of PROGRAMS) {
    expect(outcomeOf(program, 'everything', 'No servers configured')).toBe('not found');
    expect(outcomeOf(program, 'everything', 'everything: who knows')).toBe('listed');
  }
});
