import { expect, it } from 'vitest';
import { isHostEntry } from '../../src/settings/host-entry.ts';

it('an entry of a list of hosts is a name, an address or a range', () => {
  const good = [
    ...['localhost', 'Tools.Internal', 'a.b-c.example.com', 'full.name.'],
    ...['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', '[::1]', 'fd00::/8'],
  ];
  expect(good.filter((entry) => !isHostEntry(entry))).toEqual([]);
  const bad = [
    ...['', '*', '*.example.com', 'a b', 'http://x', 'x/y', 'x:80', 'ex\u00e4mple.com'],
    ...['10.0.0.0/33', '10.0.0.0/x', '10.0.0.0/', '::/129', '10.0.0.256', '2130706433', 'fe80::1%0'],
  ];
  expect(bad.filter(isHostEntry)).toEqual([]);
});
